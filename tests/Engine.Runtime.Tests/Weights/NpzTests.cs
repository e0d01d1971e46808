using System.IO.Compression;
using System.Text;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.Weights;

public sealed class NpzTests
{
    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Fastest)]
    [InlineData(CompressionLevel.SmallestSize)]
    public void Every_type_and_rank_comes_back(CompressionLevel level)
    {
        using var folder = new TemporaryFolder();
        var arrays = new Dictionary<string, NamedArray>();
        foreach (ElementType type in Enum.GetValues<ElementType>())
        {
            if (type == ElementType.BFloat16) continue;
            foreach (long[] shape in new long[][] { [], [0], [5], [3, 0, 2], [2, 3, 4] })
            {
                byte[] data = [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b) * type.Size()).Select(i => (byte)(i * 37))];
                arrays[$"{type}/{string.Join("x", shape)}"] = new NamedArray(type, shape, data);
            }
        }

        Npz.Write(folder.File("a.npz"), arrays, level);
        var back = Npz.Read(folder.File("a.npz"));

        Assert.Equal(arrays.Keys, back.Keys);
        foreach ((string name, NamedArray array) in arrays)
        {
            Assert.Equal(array.Type, back[name].Type);
            Assert.Equal(array.Shape, back[name].Shape);
            Assert.Equal(array.Data, back[name].Data);
        }

        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void The_same_arrays_give_the_same_file()
    {
        using var folder = new TemporaryFolder();
        var arrays = new Dictionary<string, NamedArray> { ["x"] = NamedArray.FromFloat32([1, 2, 3]) };
        Npz.Write(folder.File("a.npz"), arrays);
        Npz.Write(folder.File("b.npz"), arrays);
        Assert.Equal(File.ReadAllBytes(folder.File("a.npz")), File.ReadAllBytes(folder.File("b.npz")));
    }

    [Fact]
    public void Golden_archives_can_be_read()
    {
        var arrays = Npz.Read(Golden.Path("gae.npz"));
        Assert.All(arrays.Values, a => Assert.True(a.Type is ElementType.Float32 or ElementType.Int64));
        NamedArray rewards = arrays.First(p => p.Key.EndsWith(".rewards", StringComparison.Ordinal)).Value;
        Assert.Equal(2, rewards.Shape.Length);
        Assert.Contains(rewards.ToFloat32(), v => v != 0);
    }

    [Fact]
    public void Numpy_descriptors_of_either_order_are_read()
    {
        byte[] data = [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6];
        NamedArray array = ReadNpy("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }", data);
        Assert.Equal([1L, 3, 5, 2, 4, 6], array.ToInt64());
        Assert.Equal([2L, 3], array.Shape);
    }

    [Theory]
    [InlineData("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "type '|O'")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "structures")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "dimension")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "needs 8 bytes")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387905,), }", "2 GiB")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "dimension")]
    [InlineData("{'descr': '<f4', 'fortran_order': False}", "lacks")]
    [InlineData("{'descr': '<f4'", "ends too early")]
    [InlineData("", "ends too early")]
    public void Bad_headers_are_refused(string header, string said)
    {
        var error = Assert.Throws<InvalidDataException>(() => ReadNpy(header, [1, 2, 3, 4]));
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
        Assert.Contains("a.npy", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cut_or_changed_archive_is_refused_with_its_name()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("good.npz");
        Npz.Write(path, new Dictionary<string, NamedArray> { ["x"] = NamedArray.FromInt64([.. Enumerable.Range(0, 1000)]) });
        byte[] good = File.ReadAllBytes(path);
        string bad = folder.File("bad.npz");
        for (int cut = 0; cut < good.Length; cut += 13) AssertRefused(good[..cut]);

        byte[] changed = (byte[])good.Clone();
        changed[good.Length / 2] ^= 0x10;
        AssertRefused(changed);

        void AssertRefused(byte[] bytes)
        {
            File.WriteAllBytes(bad, bytes);
            var error = Assert.Throws<InvalidDataException>(() => Npz.Read(bad));
            Assert.Contains("bad.npz", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Bfloat16_is_refused_and_leaves_no_file()
    {
        using var folder = new TemporaryFolder();
        var arrays = new Dictionary<string, NamedArray> { ["x"] = new(ElementType.BFloat16, [1], new byte[2]) };
        Assert.Throws<ArgumentException>(() => Npz.Write(folder.File("a.npz"), arrays));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    private static NamedArray ReadNpy(string header, byte[] data)
    {
        using var folder = new TemporaryFolder();
        byte[] text = Encoding.ASCII.GetBytes(header);
        byte[] bytes = [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, (byte)(text.Length >> 8), .. text, .. data];
        File.WriteAllBytes(folder.File("a.npy"), bytes);
        return Npy.Read(folder.File("a.npy"));
    }
}
