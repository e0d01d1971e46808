namespace Engine.Kernels.Ops.Activation;

public static partial class Activation
{
    private static void ApplyReference(ActivationFunction function, ReadOnlySpan<float> source, Span<float> destination)
    {
        for (int i = 0; i < source.Length; i++) destination[i] = Reference(function, source[i]);
    }

    /// <summary>One element, computed in double and rounded once.</summary>
    internal static float Reference(ActivationFunction function, double x) => (float)(function switch
    {
        ActivationFunction.None => x,
        ActivationFunction.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        ActivationFunction.Silu => x / (1 + Math.Exp(-x)),
        ActivationFunction.Exp => Math.Exp(Math.Clamp(x, -86f, 88.37f)),
        ActivationFunction.Tanh => Math.Tanh(x),
        _ => throw new ArgumentOutOfRangeException(nameof(function), function, "Not an activation function."),
    });
}
