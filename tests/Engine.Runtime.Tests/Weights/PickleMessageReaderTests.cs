using System.Runtime.InteropServices;
using System.Text;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Tests.Weights;

/// <summary>Pickled messages, written by hand as Python's pickle writes them (the disassembly stands beside them).</summary>
public sealed class PickleMessageReaderTests
{
    private static readonly PickleMessageReader s_reader = new("robots.Reading");

    [Fact]
    public void Plain_values_are_read()
    {
        // [None, True, -1, 3.5, 'ä', b'\1', (1, 2), {'a': 1}] and an int of eight bytes
        object?[] values = Assert.IsType<object?[]>(Read("](N\u0088J\u00ff\u00ff\u00ff\u00ffG@\u000c\0\0\0\0\0\0\u008c\u0002\u00c3\u00a4C\u0001\u0001K\u0001K\u0002\u0086}\u008c\u0001aK\u0001s\u008a\u0008\0\0\0\0\0\0\0\u0001e."));
        Assert.Equal([null, true, -1L, 3.5, "ä"], values[..5]);
        Assert.Equal([1], Assert.IsType<byte[]>(values[5]));
        Assert.Equal([1L, 2L], Assert.IsType<object?[]>(values[6]));
        Assert.Equal(1L, Assert.IsType<Dictionary<string, object?>>(values[7])["a"]);
        Assert.Equal(1L << 56, values[8]);
    }

    [Fact]
    public void An_instance_is_its_fields()
    {
        // robots.Reading.__new__(), then {'x': 2} as its state
        var reading = Assert.IsType<PickledObject>(Read("\u008c\u0006robots\u008c\u0007Reading\u0093)\u0081}\u008c\u0001xK\u0002sb."));
        Assert.Equal("robots.Reading", reading.Class);
        Assert.Equal(2L, Assert.Single(reading.Fields).Value);
    }

    [Theory]
    [InlineData("numpy.core", "|", "u1", false, new byte[] { 1, 2, 3, 4, 5, 6 }, new float[] { 1, 2, 3, 4, 5, 6 })]
    [InlineData("numpy._core", "|", "u1", true, new byte[] { 1, 2, 3, 4, 5, 6 }, new float[] { 1, 3, 5, 2, 4, 6 })]
    [InlineData("numpy._core", ">", "i2", false, new byte[] { 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6 }, new float[] { 1, 2, 3, 4, 5, 6 })]
    [InlineData("numpy._core", "<", "i2", true, new byte[] { 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0 }, new float[] { 1, 3, 5, 2, 4, 6 })]
    [InlineData("numpy.core", "|", "b1", false, new byte[] { 0, 1, 0, 1, 0, 1 }, new float[] { 0, 1, 0, 1, 0, 1 })]
    public void Arrays_are_read_in_both_forms_and_every_order(string core, string order, string code, bool fortran, byte[] data, float[] expected)
    {
        // dtype(code, False, True) with its byte order set afterwards; shape (2, 3)
        string dtype = $"cnumpy\ndtype\n\u008c\u0002{code}\u0089\u0088\u0087R(K\u0003\u008c\u0001{order}NNNJ\u00ff\u00ff\u00ff\u00ffJ\u00ff\u00ff\u00ff\u00ffK\0tb";
        string bytes = Encoding.Latin1.GetString([(byte)data.Length, .. data]), flag = fortran ? "\u0088" : "\u0089", shape = "K\u0002K\u0003\u0086";
        foreach (string pickle in new[]
        {
            $"c{core}.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\u0085C\u0001b\u0087R(K\u0001{shape}{dtype}{flag}C{bytes}tb.",
            $"c{core}.numeric\n_frombuffer\n(\u0096{bytes[..1]}\0\0\0\0\0\0\0{bytes[1..]}{dtype}{shape}\u008c\u0001{(fortran ? "F" : "C")}tR.",
        })
        {
            var array = Assert.IsType<NamedArray>(Read(pickle));
            Assert.Equal([2, 3], array.Shape);
            Assert.Equal(expected, array.ToFloat32());
        }
    }

    [Fact]
    public void A_numpy_scalar_is_an_array_of_rank_0()
    {
        var scalar = Assert.IsType<NamedArray>(Read("cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n\u008c\u0002f4\u0089\u0088\u0087R(K\u0003\u008c\u0001<NNNJ\u00ff\u00ff\u00ff\u00ffJ\u00ff\u00ff\u00ff\u00ffK\0tbC\u0004\0\0\u00c0?\u0086R."));
        Assert.Equal((0, 1.5f), (scalar.Shape.Length, scalar.ToFloat32()[0]));
    }

    [Fact]
    public void Tensors_are_views_of_the_storage_that_comes_along()
    {
        string storage = Storage([0, 1, 2, 3, 4, 5]);
        string Tensor(string offset, string shape, string strides) =>
            $"ctorch._utils\n_rebuild_tensor_v2\n(h\0K{offset}{shape}{strides}\u0089ccollections\nOrderedDict\n)RtR";
        object?[] tensors = Assert.IsType<object?[]>(Read(
            $"{storage}q\00]({Tensor("\u0003", "K\u0003\u0085", "K\u0001\u0085")}{Tensor("\0", "K\u0003K\u0002\u0086", "K\u0001K\u0003\u0086")}e."));
        Assert.Equal([3, 4, 5], Assert.IsType<NamedArray>(tensors[0]).ToFloat32());
        Assert.Equal([0, 3, 1, 4, 2, 5], Assert.IsType<NamedArray>(tensors[1]).ToFloat32());

        AssertRefused($"{storage}q\00{Tensor("\u0004", "K\u0003\u0085", "K\u0001\u0085")}.", "reaches element 6");
        AssertRefused($"{storage}q\00{Tensor("\0", "J\0\0\0\u0010\u0085", "K\0\u0085")}.", "far larger");
        AssertRefused($"{storage}.", "no plain one");
        AssertRefused($"ctorch.storage\n_load_from_bytes\nC\u0003abc\u0085R.", "");
        AssertRefused(storage.Replace("FloatStorage", "FlootStorage") + ".", "torch.FlootStorage");
    }

    [Theory]
    [InlineData("cos\nsystem\n\u008c\u0001x\u0085R.", "os.system")]
    [InlineData("\u008c\u0008builtins\u008c\u0004eval\u0093\u008c\u00011\u0085R.", "builtins.eval")]
    [InlineData("\u008c\u0006robots\u008c\u0007Writing\u0093)\u0081.", "robots.Writing")]
    [InlineData("\u008c\u0006robots\u008c\u0007Reading\u0093)R.", "no function")]
    [InlineData("\u008c\u0006robots\u008c\u0007Reading\u0093K\u0001\u0085\u0081.", "may not")]
    [InlineData("\u008c\u0006robots\u008c\u0007Reading\u0093)\u0081K\u0001b.", "no dictionary")]
    [InlineData("\u008c\u0006robots\u008c\u0007Reading\u0093.", "no plain one")]
    [InlineData("cnumpy\nndarray\n)\u0081.", "may not")]
    [InlineData("ctorch._utils\n_rebuild_tensor_v3\n.", "_rebuild_tensor_v3")]
    [InlineData("cnumpy\ndtype\n\u008c\u0002O8\u0089\u0088\u0087R.", "O8")]
    [InlineData("cnumpy\ndtype\n\u008c\u0002f4\u0089\u0088\u0087R.", "no plain one")]
    [InlineData("cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\u0085C\u0001b\u0087R.", "never filled")]
    [InlineData("\u008a\u0009\0\0\0\0\0\0\0\0\u0001.", "no plain one")]
    [InlineData("]q\0h\0a.", "nested")]
    [InlineData("X\u00ff\u00ff\u00ff\u007fabc.", "bytes")]
    [InlineData("N", "too early")]
    [InlineData("N.N", "follow")]
    [InlineData("", "too early")]
    public void What_is_not_on_the_list_is_refused(string pickle, string said) => AssertRefused(pickle, said);

    [Fact]
    public void A_message_cannot_ask_for_more_work_than_it_is_long()
    {
        // Lists that hold the one before twice; and one long byte string or text that goes through a call again and again.
        foreach (var (levels, said) in new[] { (20, "values"), (40, "nested") })
        {
            var doubling = new StringBuilder("]q\0");
            for (int i = 0; i < levels; i++) doubling.Append($"0]h{(char)i}ah{(char)i}aq{(char)(i + 1)}");
            AssertRefused($"{doubling}.", said);
        }

        string text = new('a', 1 << 16);
        AssertRefused($"ctorch.storage\n_load_from_bytes\nq\00B\0\0\u0001\0{text}q\u00010(" + string.Concat(Enumerable.Repeat("h\0h\u0001\u0085R", 1000)) + "t.", "");
        AssertRefused("c_codecs\nencode\nq\00X\0\0\u0001\0" + text + "\u008c\u0006latin1\u0086q\u00010(" + string.Concat(Enumerable.Repeat("h\0h\u0001R", 1000)) + "t.", "texts");
    }

    [Fact]
    public void Random_opcodes_are_data_or_errors()
    {
        byte[] opcodes = Encoding.Latin1.GetBytes("(012N\u0088\u0089JKM\u008a\u008bGX\u008c\u008dBC\u008eUT]\u008fae\u0090l\u0091)t\u0085\u0086\u0087}dsucRbQqr\u0094hj\u0093\u0081\u0096.");
        string[] starts =
        [
            "", "\u008c\u0006robots\u008c\u0007Reading\u0093)\u0081", "cnumpy\ndtype\n\u008c\u0002f4\u0089\u0088\u0087R",
            "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\u0085C\u0001b\u0087R", Storage([1, 2]),
        ];
        int refused = 0;
        for (uint i = 0; i < 5000; i++)
        {
            var random = new PhiloxRandom(new PhiloxKey(21, 903, i));
            List<byte> code = [.. Encoding.Latin1.GetBytes(starts[i % starts.Length])];
            int length = random.NextInt(60);
            for (int j = 0; j < length; j++)
            {
                code.Add(opcodes[random.NextInt(opcodes.Length)]);
                if (random.NextInt(2) == 0) code.Add((byte)random.NextInt(4));
            }

            code.Add((byte)'.');
            try
            {
                Read(Encoding.Latin1.GetString([.. code]));
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1000, 5000);
    }

    /// <summary>_load_from_bytes of what torch.save writes for a storage of float32 in the format before the zip one.</summary>
    private static string Storage(float[] numbers)
    {
        string count = $"{(char)numbers.Length}", data = Encoding.Latin1.GetString(MemoryMarshal.AsBytes<float>(numbers));
        string saved = "\u0080\u0002\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019.\u0080\u0002M\u00e9\u0003.\u0080\u0002}X\r\0\0\0little_endian\u0088s."
            + $"\u0080\u0002(X\u0007\0\0\0storagectorch\nFloatStorage\nX\u0001\0\0\00X\u0003\0\0\0cpuK{count}NtQ.\u0080\u0002]X\u0001\0\0\00a.{count}\0\0\0\0\0\0\0{data}";
        return $"ctorch.storage\n_load_from_bytes\nC{(char)saved.Length}{saved}\u0085R";
    }

    private static object? Read(string code) => s_reader.Read((byte[])[0x80, 4, .. Encoding.Latin1.GetBytes(code)]);

    private static void AssertRefused(string code, string said)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<InvalidDataException>(() => Read(code));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64L << 20);
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }
}
