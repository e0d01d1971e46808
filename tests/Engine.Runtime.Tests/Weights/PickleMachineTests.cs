using System.IO.Compression;
using System.Text;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Tests.Weights;

/// <summary>Hand-written and random pickles inside well-formed archives, so that no checksum hides the pickle from the reader.</summary>
public sealed class PickleMachineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_list_that_holds_itself_is_refused() => AssertRefused([.. "]q\0h\0a."u8], "nested");

    [Fact]
    public void Doubling_lists_are_refused()
    {
        // Each list holds the one before twice: forty levels would have 2^40 paths.
        var code = new List<byte> { (byte)']', (byte)'q', 0 };
        for (int i = 0; i < 40; i++) code.AddRange([(byte)']', (byte)'h', (byte)i, (byte)'a', (byte)'h', (byte)i, (byte)'a', (byte)'q', (byte)(i + 1), (byte)'0']);
        code.AddRange([.. "0h"u8, 40, (byte)'.']);
        AssertRefused([.. code], "paths");
    }

    [Theory]
    [InlineData("(.", "empty stack")]
    [InlineData("N.N", "")]
    [InlineData("NN.", "left over")]
    [InlineData("R.", "empty stack")]
    [InlineData("])R.", "no function")]
    [InlineData("]t.", "mark")]
    [InlineData("cnumpy\nndarray\n.", "numpy.ndarray")]
    [InlineData("cos\nsystem\n(Stouch PWNED\ntR.", "os.system")]
    [InlineData("ccollections\nOrderedDict\n.", "plain value")]
    [InlineData("}]Ns.", "key")]
    [InlineData("P1\n.", "opcode 'P'")]
    [InlineData("i__main__\nX\n.", "opcode 'i'")]
    public void Wrong_pickles_are_refused(string code, string said)
    {
        if (said.Length == 0) TorchCheckpoint.Read(Archive(Encoding.Latin1.GetBytes(code)));
        else AssertRefused(Encoding.Latin1.GetBytes(code), said);
    }

    [Fact]
    public void A_long_text_repeated_as_bytes_is_refused()
    {
        // Four opcodes ask for another copy of one long text; the budget stops it.
        List<byte> code = [.. "c_codecs\nencode\nq\0(X"u8, .. BitConverter.GetBytes(1 << 20), .. Enumerable.Repeat((byte)'a', 1 << 20)];
        code.AddRange([.. "X\u0006\0\0\0latin1tq\u0001R0"u8]);
        for (int i = 0; i < 1000; i++) code.AddRange("h\0h\u0001R0"u8);
        code.Add((byte)'.');
        AssertRefused([.. code], "texts");
    }

    [Fact]
    public void Random_opcodes_are_data_or_errors()
    {
        byte[] opcodes = [.. "(012N\u0088\u0089JKM\u008a\u008bGX\u008c\u008dBC\u008eUT]\u008fae\u0090l\u0091)t\u0085\u0086\u0087}dsucRbQqr\u0094hj\u0093\u0081."
            .Select(c => (byte)c)];
        int refused = 0;
        for (uint i = 0; i < 3000; i++)
        {
            var random = new PhiloxRandom(new PhiloxKey(21, 902, i));
            var code = new List<byte>();
            int length = random.NextInt(60);
            for (int j = 0; j < length; j++)
            {
                code.Add(opcodes[random.NextInt(opcodes.Length)]);
                if (random.NextInt(2) == 0) code.Add((byte)random.NextInt(4));
            }

            code.Add((byte)'.');
            string path = Archive([.. code]);
            try
            {
                TorchCheckpoint.Read(path);
            }
            catch (InvalidDataException error)
            {
                refused++;
                Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
            }
        }

        Assert.InRange(refused, 1000, 3000);
    }

    private void AssertRefused(byte[] code, string said)
    {
        string path = Archive(code);
        long before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<InvalidDataException>(() => TorchCheckpoint.Read(path));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1L << 30);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    private string Archive(byte[] pickle)
    {
        string path = _folder.File("made.pt");
        using var stream = new FileStream(path, FileMode.Create);
        using var archive = new ZipArchive(stream, ZipArchiveMode.Create);
        using Stream record = archive.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open();
        record.Write([0x80, 2, .. pickle]);
        return path;
    }
}
