using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.Weights;

namespace Engine.Runtime.WorldModel;

/// <summary>Takes arrays by name with the shape that the model wants, and knows in the end what nobody wanted.</summary>
internal sealed class WeightReader(IReadOnlyDictionary<string, NamedArray> weights, string owner)
{
    private readonly HashSet<string> _taken = [];

    public float[] Take(string name, params long[] shape)
    {
        if (!weights.TryGetValue(name, out NamedArray? array))
        {
            throw new InvalidDataException(
                $"{owner} needs the weight '{name}' [{string.Join(", ", shape)}], the file does not have it (it has {weights.Count} arrays, e.g. '{weights.Keys.FirstOrDefault()}')");
        }

        if (!array.Shape.AsSpan().SequenceEqual(shape))
        {
            throw new InvalidDataException(
                $"the weight '{name}' must have the shape [{string.Join(", ", shape)}] by the configuration, it has [{string.Join(", ", array.Shape)}]");
        }

        float[] values = array.ToFloat32();
        int bad = values.AsSpan().IndexOfAnyExceptInRange(float.MinValue, float.MaxValue);
        if (bad >= 0) throw new InvalidDataException($"the weight '{name}' holds {values[bad]} at {bad}; the file is damaged or the training diverged");
        _taken.Add(name);
        return values;
    }

    public PackedLinear Linear(string name, int inputs, int outputs, GemmPrecision precision = GemmPrecision.Float32) =>
        new(Take(name + ".weight", outputs, inputs), Take(name + ".bias", outputs), inputs, outputs, precision);

    public void RequireAllTaken()
    {
        string[] left = [.. weights.Keys.Where(name => !_taken.Contains(name)).Order(StringComparer.Ordinal)];
        if (left.Length > 0)
        {
            throw new InvalidDataException(
                $"{owner} has no place for {left.Length} of the file's arrays, the first is '{left[0]}'; is the configuration that of another model?");
        }
    }
}
