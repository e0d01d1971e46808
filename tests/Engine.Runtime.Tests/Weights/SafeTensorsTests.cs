using System.Text.Json;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.Weights;

public sealed class SafeTensorsTests
{
    [Fact]
    public void Every_golden_file_loads_or_is_refused_as_stated()
    {
        string folder = Golden.Path("checkpoints");
        using var contents = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "contents.json")));
        int seen = 0;
        foreach (var file in contents.RootElement.EnumerateObject())
        {
            if (!file.Name.EndsWith(".safetensors", StringComparison.Ordinal)) continue;
            seen++;
            string path = Path.Combine(folder, file.Name);
            if (file.Value.GetProperty("expected").GetString() == "load")
            {
                var arrays = SafeTensors.Read(path);
                CheckpointContents.AssertTensors(file.Value.GetProperty("content"), arrays, path);
            }
            else
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                var error = Assert.Throws<InvalidDataException>(() => SafeTensors.Read(path));
                Assert.Contains(file.Name, error.Message, StringComparison.Ordinal);
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
            }
        }

        Assert.True(seen >= 30, $"only {seen} files");
    }

    [Fact]
    public void Arrays_and_metadata_come_back()
    {
        using var folder = new TemporaryFolder();
        var arrays = new Dictionary<string, NamedArray>
        {
            ["b"] = NamedArray.FromFloat32([1, 2, 3, 4, 5, 6], 2, 3),
            ["a"] = new(ElementType.BFloat16, [3], [1, 2, 3, 4, 5, 6]),
            ["scalar"] = NamedArray.Scalar(7L),
            ["empty"] = NamedArray.FromFloat32([], 0, 4),
            ["flags"] = new(ElementType.Bool, [3], [1, 0, 1]),
        };
        var metadata = new Dictionary<string, string> { ["format"] = "pt", ["step"] = "12" };
        SafeTensors.Write(folder.File("m.safetensors"), arrays, metadata);

        var back = SafeTensors.Read(folder.File("m.safetensors"), out var readMetadata);

        Assert.Equal(metadata, readMetadata);
        Assert.Equal(arrays.Keys.Order(), back.Keys.Order());
        foreach ((string name, NamedArray array) in arrays)
        {
            Assert.Equal(array.Type, back[name].Type);
            Assert.Equal(array.Shape, back[name].Shape);
            Assert.Equal(array.Data, back[name].Data);
        }

        Assert.Equal(0, BitConverter.ToInt64(File.ReadAllBytes(folder.File("m.safetensors")), 0) % 8);
    }

    [Fact]
    public void An_unknown_extension_is_refused()
    {
        var error = Assert.Throws<InvalidDataException>(() => WeightFile.Read("weights.bin"));
        Assert.Contains(".bin", error.Message, StringComparison.Ordinal);
    }
}
