using Engine.Runtime.Weights;
using Engine.Tests.Shared;
using Engine.Training.Checkpoints;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Algorithms;

/// <summary>A golden file's arrays under one prefix.</summary>
internal sealed class GoldenTensors(Dictionary<string, NamedArray> arrays, string prefix)
{
    /// <summary>The cases of a file: the distinct first parts of its names.</summary>
    public static IEnumerable<GoldenTensors> Cases(string file)
    {
        Dictionary<string, NamedArray> arrays = Npz.Read(Golden.Path(file));
        return arrays.Keys.Select(name => name[..name.IndexOf('.')]).Distinct().Order(StringComparer.Ordinal).Select(c => new GoldenTensors(arrays, c + "."));
    }

    public string Name => prefix;

    public bool Has(string name) => arrays.ContainsKey(prefix + name);

    public Tensor Tensor(string name) => TensorConversion.ToTensor(arrays[prefix + name]);

    public float[] Floats(string name) => arrays[prefix + name].ToFloat32();

    public int[] Ints(string name) => [.. arrays[prefix + name].ToInt64().Select(v => (int)v)];

    public long[] Shape(string name) => arrays[prefix + name].Shape;

    /// <summary>Tensors whose names start with <paramref name="start"/>, without it.</summary>
    public Dictionary<string, Tensor> Under(string start) => arrays.Where(p => p.Key.StartsWith(prefix + start, StringComparison.Ordinal))
        .ToDictionary(p => p.Key[(prefix.Length + start.Length)..], p => TensorConversion.ToTensor(p.Value));

    public void Near(string name, Tensor actual, double absolute, double relative = 0)
    {
        float[] expected = Floats(name), got = actual.ToArray();
        Assert.True(expected.Length == got.Length, $"{prefix}{name}: {expected.Length} and {got.Length} numbers");
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs((double)expected[i] - got[i]);
            Assert.True(
                error <= absolute + relative * Math.Abs(expected[i]), $"{prefix}{name}[{i}]: expected {expected[i]:R}, got {got[i]:R}");
        }
    }
}
