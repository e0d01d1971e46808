namespace Engine.Kernels.Ops.Gemm;

/// <summary>What both factors of a product on the device are stored as; sums are float32 in each case.</summary>
public enum GemmInput
{
    /// <summary>8 bits of exponent, 7 of fraction.</summary>
    Bfloat16,

    /// <summary>IEEE binary16: 5 bits of exponent, 10 of fraction; greatest number 65504.</summary>
    Half,

    /// <summary>e4m3: 4 bits of exponent, 3 of fraction; greatest number 448. Needs compute capability 8.9; numbers are stored divided by a scale.</summary>
    Float8,
}
