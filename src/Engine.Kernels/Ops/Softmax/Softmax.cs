using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.Softmax;

/// <summary>Softmax over the last axis of float32 rows.</summary>
public static partial class Softmax
{
    internal static readonly VariantTable Variants = VariantTable.For("softmax");

    /// <summary>Replaces each row of x [rows, width] by e^(x − max) / Σ e^(x − max).</summary>
    /// <exception cref="ArgumentException">x is too short.</exception>
    public static void Apply(Span<float> x, int rows, int width) => Apply(Variants.Active, x, rows, width);

    internal static unsafe void Apply(KernelVariant variant, Span<float> x, int rows, int width)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (x.Length < (long)rows * width) throw new ArgumentException($"x must hold rows × width = {rows} × {width} numbers, it holds {x.Length}.", nameof(x));
        fixed (float* px = x)
        {
            for (int row = 0; row < rows; row++)
            {
                float* values = px + (nint)row * width;
                if (variant == KernelVariant.Vector512) RowVector<Vector512<float>, Lanes512>(values, width);
                else if (variant == KernelVariant.Vector256) RowVector<Vector256<float>, Lanes256>(values, width);
                else RowReference(values, width);
            }
        }
    }
}
