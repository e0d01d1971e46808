namespace Engine.Kernels.Ops.Gemm;

/// <summary>What both factors of a product on the device are stored as; sums are float32 in each case.</summary>
public enum GemmInput
{
    /// <summary>8 bits of exponent, 7 of fraction.</summary>
    Bfloat16,

    /// <summary>IEEE binary16: 5 bits of exponent, 10 of fraction; greatest number 65504.</summary>
    Half,

    /// <summary>
    /// e4m3, see <see cref="Ops.Gemm.Float8"/>; needs compute capability 8.9. A row of x, and a row of W, is stored divided by a scale of its own. With normal factors and 1024 inputs a
    /// result is off by 3.7 % of the results' standard deviation (bfloat16: 0.24 %), from rounding the factors alone; Hopper's tensor cores, which keep about 14 bits of
    /// such sums, add to that.
    /// </summary>
    Float8,

    /// <summary>Nothing is rounded; no tensor cores, a small part of their speed: what the others are held against.</summary>
    Float32,
}
