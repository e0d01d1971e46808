using System.Text.Json;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Tests.Weights;

/// <summary>Compares loaded tensors with what <c>contents.json</c> and <c>expected.npz</c> of the golden checkpoints state.</summary>
internal static class CheckpointContents
{
    public static void AssertTensors(JsonElement content, IReadOnlyDictionary<string, NamedArray> arrays, string path)
    {
        string expectedPath = path + ".expected.npz";
        var expected = File.Exists(expectedPath) ? Npz.Read(expectedPath) : [];
        var names = content.EnumerateObject().Where(p => p.Value.GetProperty("kind").GetString() == "tensor").Select(p => p.Name).ToArray();
        Assert.Equal(names.Order(StringComparer.Ordinal), arrays.Keys.Order(StringComparer.Ordinal));
        foreach (string name in names)
        {
            NamedArray array = arrays[name], want = expected[name];
            string dtype = content.GetProperty(name).GetProperty("dtype").GetString()!;
            string own = path.EndsWith(".safetensors", StringComparison.Ordinal) ? array.Type.SafeTensorsName() : array.Type.ToString().ToLowerInvariant();
            Assert.Equal(dtype, own);
            Assert.Equal(content.GetProperty(name).GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()), array.Shape);
            if (want.Type == ElementType.Float32) Assert.Equal(want.ToFloat32(), array.ToFloat32());
            else Assert.Equal(want.ToInt64(), array.ToInt64());
        }
    }
}
