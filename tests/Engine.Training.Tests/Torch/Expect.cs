using Engine.Training.Torch;

namespace Engine.Training.Tests.Torch;

/// <summary>Comparison of tensors with numbers.</summary>
internal static class Expect
{
    /// <summary>The tensor has this shape and, within abs + rel·|expected|, these elements.</summary>
    public static void Equal(long[] shape, float[] expected, Tensor actual, double absolute = 1e-6, double relative = 1e-6)
    {
        Assert.Equal(shape, actual.Shape);
        Near(expected, actual.ToArray(), absolute, relative);
    }

    /// <summary>The arrays agree within abs + rel·|expected|.</summary>
    public static void Near(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double absolute, double relative = 0)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            double error = Math.Abs((double)expected[i] - actual[i]);
            Assert.True(error <= absolute + relative * Math.Abs(expected[i]), $"element {i}: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }

    /// <summary>A Float32 tensor.</summary>
    public static Tensor Of(float[] values, params long[] shape) => Tensor.FromSpan(values, shape.Length == 0 ? [values.Length] : shape);
}
