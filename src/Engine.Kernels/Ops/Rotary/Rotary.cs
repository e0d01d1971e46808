using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.Rotary;

/// <summary>Rotary position embedding on interleaved pairs: (x₀, x₁) → (x₀·cos − x₁·sin, x₁·cos + x₀·sin).</summary>
public static partial class Rotary
{
    internal static readonly VariantTable Variants = VariantTable.For("rotary");

    /// <summary>Rotates rows in place: row r takes the table's position (firstPosition + r) mod Positions.</summary>
    /// <param name="x">[rows, HeadWidth], read and written.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="table">Angles.</param>
    /// <param name="firstPosition">Position of the first row.</param>
    /// <exception cref="ArgumentException">x is too short.</exception>
    public static void Apply(Span<float> x, int rows, RotaryTable table, int firstPosition = 0) => Apply(Variants.Active, x, rows, table, firstPosition);

    internal static unsafe void Apply(KernelVariant variant, Span<float> x, int rows, RotaryTable table, int firstPosition)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(firstPosition);
        int width = table.HeadWidth;
        if (x.Length < (long)rows * width) throw new ArgumentException($"x must hold rows × width = {rows} × {width} numbers, it holds {x.Length}.", nameof(x));
        fixed (float* px = x, cosines = table.Cosines, sines = table.Sines)
        {
            for (int row = 0; row < rows; row++)
            {
                nint at = (nint)((firstPosition + row) % table.Positions) * width;
                float* values = px + (nint)row * width;
                if (variant == KernelVariant.Vector512) RowVector<Vector512<float>, Lanes512>(values, width, cosines + at, sines + at, values);
                else if (variant == KernelVariant.Vector256) RowVector<Vector256<float>, Lanes256>(values, width, cosines + at, sines + at, values);
                else RowReference(values, width, cosines + at, sines + at, values);
            }
        }
    }
}
