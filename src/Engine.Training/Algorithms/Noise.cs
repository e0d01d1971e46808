using Engine.Kernels.Ops.Philox;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>Random tensors from keyed streams.</summary>
public static class Noise
{
    /// <summary>Standard normal numbers of the given shape, in C order.</summary>
    public static Tensor Normal(in PhiloxKey key, params ReadOnlySpan<long> shape)
    {
        var values = new float[Count(shape)];
        Philox.FillNormal(values, key);
        return Tensor.FromSpan(values, shape);
    }

    /// <summary>Uniform numbers in (0, 1) of the given shape.</summary>
    public static Tensor Uniform(in PhiloxKey key, params ReadOnlySpan<long> shape)
    {
        var values = new float[Count(shape)];
        Philox.FillUniform(values, key);
        return Tensor.FromSpan(values, shape);
    }

    private static long Count(ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long extent in shape) count *= extent;
        return count;
    }
}
