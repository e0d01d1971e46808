using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.DdimUpdate;

/// <summary>Takes denoising steps on rows of latents.</summary>
public static partial class DdimUpdate
{
    internal static readonly VariantTable Variants = VariantTable.For("ddim-update");

    /// <summary>x ← X·x + V·v + Previous·p, row by row, in place.</summary>
    /// <param name="x">Noisy latents: rows of <paramref name="columns"/> numbers, <paramref name="xStride"/> apart.</param>
    /// <param name="xStride">Distance between rows of x.</param>
    /// <param name="v">The network's output [rows, columns].</param>
    /// <param name="previous">The previous frame's latents, rows <paramref name="previousStride"/> apart; read only where step.Previous is not 0, may be empty otherwise.</param>
    /// <param name="previousStride">Distance between rows of previous.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Numbers in a row.</param>
    /// <param name="step">The factors.</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    public static void Apply(
        Span<float> x, int xStride, ReadOnlySpan<float> v, ReadOnlySpan<float> previous, int previousStride, int rows, int columns, in DdimStep step) =>
        Apply(Variants.Active, x, xStride, v, previous, previousStride, rows, columns, step);

    internal static unsafe void Apply(
        KernelVariant variant, Span<float> x, int xStride, ReadOnlySpan<float> v, ReadOnlySpan<float> previous, int previousStride, int rows, int columns, in DdimStep step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        if (rows == 0) return;
        Check(nameof(x), x.Length, xStride, rows, columns);
        Check(nameof(v), v.Length, columns, rows, columns);
        if (step.Previous != 0) Check(nameof(previous), previous.Length, previousStride, rows, columns);
        fixed (float* px = x, pv = v, pp = previous)
        {
            for (int row = 0; row < rows; row++)
            {
                float* to = px + (nint)row * xStride, from = pv + (nint)row * columns;
                float* behind = step.Previous == 0 ? null : pp + (nint)row * previousStride;
                if (variant == KernelVariant.Vector512) RowVector<Vector512<float>, Lanes512>(to, from, behind, columns, step);
                else if (variant == KernelVariant.Vector256) RowVector<Vector256<float>, Lanes256>(to, from, behind, columns, step);
                else RowReference(to, from, behind, columns, step);
            }
        }
    }

    private static void Check(string name, int length, int stride, int rows, int columns)
    {
        long needed = (rows - 1L) * stride + columns;
        if (stride < columns || length < needed)
        {
            throw new ArgumentException($"{name} must hold {needed} numbers ({rows} rows of {columns}, {stride} apart), it holds {length}.", name);
        }
    }
}
