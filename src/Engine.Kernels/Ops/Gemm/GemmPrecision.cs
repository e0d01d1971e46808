namespace Engine.Kernels.Ops.Gemm;

/// <summary>What the factors of a product are rounded to; sums are float32 in each case.</summary>
public enum GemmPrecision
{
    /// <summary>Nothing is rounded.</summary>
    Float32,

    /// <summary>8 bits of mantissa, twice the speed; on the processor it needs AVX-512 BF16.</summary>
    BFloat16,

    /// <summary>e4m3 with a scale for each row of both factors, on a GPU of compute capability 9.0 only; 3 bits of mantissa: an approximation.</summary>
    Float8,
}
