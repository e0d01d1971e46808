using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Tests.Devices;

public sealed class CudaCacheTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-cache-").FullName;
    private int _made;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void An_entry_is_made_once()
    {
        var cache = new CudaCache(Path.Combine(_folder, "new"));
        string path = cache.PathOf("key", ".cubin", Make);
        Assert.Equal("made 1", File.ReadAllText(path));
        Assert.Equal(path, cache.PathOf("key", ".cubin", Make));
        Assert.Equal(1, _made);
        Assert.Equal((1, 6), cache.Measure());
    }

    [Theory]
    [InlineData("made 1, and something behind")]
    [InlineData("made 0")]
    [InlineData("")]
    public void A_damaged_entry_is_made_again(string damage)
    {
        var cache = new CudaCache(_folder);
        string path = cache.PathOf("key", ".cubin", Make);
        File.WriteAllText(path, damage);
        Assert.Equal("made 2", File.ReadAllText(cache.PathOf("key", ".cubin", Make)));
        File.Delete(path + ".sha256");
        Assert.Equal("made 3", File.ReadAllText(cache.PathOf("key", ".cubin", Make)));
    }

    [Fact]
    public void What_fails_leaves_nothing()
    {
        var cache = new CudaCache(_folder);
        Assert.Throws<InvalidOperationException>(() => cache.PathOf("key", ".cubin", path =>
        {
            File.WriteAllText(path, "half");
            throw new InvalidOperationException();
        }));
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public void Keys_differ_where_parts_do_and_where_they_are_parted_differently()
    {
        Assert.Equal(CudaCache.Key(["a", "b"]), CudaCache.Key(["a", "b"]));
        Assert.NotEqual(CudaCache.Key(["a", "b"]), CudaCache.Key(["ab", ""]));
        Assert.NotEqual(CudaCache.Key(["a", "b"]), CudaCache.Key(["b", "a"]));
    }

    private void Make(string path) => File.WriteAllText(path, $"made {++_made}");
}
