using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.LayerNorm;

/// <summary>Layer normalisation without affine parameters, followed by the modulation of adaptive layer norm (DiT, arXiv 2212.09748).</summary>
public static partial class LayerNorm
{
    internal static readonly VariantTable Variants = VariantTable.For("layer-norm");

    /// <summary>
    /// y = (x − mean) / √(variance + epsilon) · (1 + scale) + shift, row by row; variance is the biased one.
    /// Each row is computed on its own: its result does not depend on the other rows.
    /// </summary>
    /// <param name="x">[rows, width].</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="width">Numbers in a row.</param>
    /// <param name="shifts">One shift vector per group of rows: group g's stands at g · <paramref name="stride"/>.</param>
    /// <param name="scales">Likewise the scale vectors.</param>
    /// <param name="stride">Distance between the vectors of neighbouring groups.</param>
    /// <param name="rowsPerGroup">Consecutive rows that share shift and scale.</param>
    /// <param name="firstRow">Number of the first row given here; row r belongs to group (firstRow + r) / rowsPerGroup.</param>
    /// <param name="y">[rows, width]; may be x itself.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <exception cref="ArgumentException">A span's length does not fit.</exception>
    public static void Modulate(
        ReadOnlySpan<float> x, int rows, int width, ReadOnlySpan<float> shifts, ReadOnlySpan<float> scales, int stride, int rowsPerGroup, int firstRow,
        Span<float> y, float epsilon = 1e-6f) =>
        Modulate(Variants.Active, x, rows, width, shifts, scales, stride, rowsPerGroup, firstRow, y, epsilon);

    internal static unsafe void Modulate(
        KernelVariant variant, ReadOnlySpan<float> x, int rows, int width, ReadOnlySpan<float> shifts, ReadOnlySpan<float> scales, int stride, int rowsPerGroup,
        int firstRow, Span<float> y, float epsilon)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowsPerGroup);
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegative(stride);
        if (rows == 0) return;
        if (x.Length < (long)rows * width || y.Length < (long)rows * width)
        {
            throw new ArgumentException($"x and y must hold rows × width = {rows} × {width} numbers; they hold {x.Length} and {y.Length}.", nameof(x));
        }

        long needed = (long)((firstRow + rows - 1) / rowsPerGroup) * stride + width;
        if (shifts.Length < needed || scales.Length < needed)
        {
            throw new ArgumentException($"shifts and scales must hold {needed} numbers for rows {firstRow}…{firstRow + rows - 1}; they hold {shifts.Length} and {scales.Length}.", nameof(shifts));
        }

        fixed (float* px = x, py = y, pshift = shifts, pscale = scales)
        {
            for (int row = 0; row < rows; row++)
            {
                nint group = (nint)((firstRow + row) / rowsPerGroup) * stride, at = (nint)row * width;
                switch (variant)
                {
                    case KernelVariant.Vector512:
                        RowVector<Vector512<float>, Lanes512>(px + at, width, pshift + group, pscale + group, py + at, epsilon);
                        break;
                    case KernelVariant.Vector256:
                        RowVector<Vector256<float>, Lanes256>(px + at, width, pshift + group, pscale + group, py + at, epsilon);
                        break;
                    default:
                        RowReference(px + at, width, pshift + group, pscale + group, py + at, epsilon);
                        break;
                }
            }
        }
    }
}
