using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.Activation;

/// <summary>
/// Elementwise functions on float32. Errors of the vector variants against the exact value: exp 2 ulp, tanh 3 ulp, SiLU and GELU 4 ulp + 1e-7.
/// The 256-bit and the 512-bit variant give the same bits; an element's result does not depend on its place in the span.
/// </summary>
public static partial class Activation
{
    internal static readonly VariantTable Variants = VariantTable.For("activation");

    /// <summary>destination[i] = f(source[i]); the spans may be the same, but must not overlap otherwise.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ActivationFunction function, ReadOnlySpan<float> source, Span<float> destination) =>
        Apply(Variants.Active, function, source, destination);

    internal static void Apply(KernelVariant variant, ActivationFunction function, ReadOnlySpan<float> source, Span<float> destination)
    {
        if (source.Length != destination.Length)
        {
            throw new ArgumentException($"source has {source.Length} elements, destination {destination.Length}; they must be equal.", nameof(destination));
        }

        switch (variant)
        {
            case KernelVariant.Vector512:
                ApplyVector<Vector512<float>, Lanes512>(function, source, destination);
                break;
            case KernelVariant.Vector256:
                ApplyVector<Vector256<float>, Lanes256>(function, source, destination);
                break;
            default:
                ApplyReference(function, source, destination);
                break;
        }
    }
}
