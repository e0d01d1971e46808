namespace Engine.Kernels.Variants;

/// <summary>One way of computing an operation.</summary>
public enum KernelVariant
{
    /// <summary>The plainest correct loop, the oracle of the tests; runs everywhere.</summary>
    Reference,

    /// <summary>256-bit vectors (AVX2 with FMA).</summary>
    Vector256,

    /// <summary>512-bit vectors (AVX-512).</summary>
    Vector512,
}
