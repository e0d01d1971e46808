using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>
/// Linear layers on float32: y = x·Wᵀ + b with what follows it fused. A result is b followed by one fused multiply-add per input, in order of the inputs,
/// whatever the row's place, the number of rows or the variant: the same row gives the same bits in every batch. With bfloat16 weights
/// (<see cref="GemmPrecision"/>) the inputs are rounded as well, two are multiplied at a time, and there is one variant.
/// </summary>
public static partial class Gemm
{
    internal static readonly VariantTable Variants = VariantTable.For("gemm");

    /// <summary>y = f(x·Wᵀ + b).</summary>
    /// <param name="x">[rows, Inputs], row-major without gaps.</param>
    /// <param name="rows">Number of rows, zero or more.</param>
    /// <param name="linear">W and b.</param>
    /// <param name="y">[rows, Outputs], row-major without gaps; must not overlap x.</param>
    /// <param name="activation">f.</param>
    /// <exception cref="ArgumentException">A span's length does not fit.</exception>
    public static void Multiply(
        ReadOnlySpan<float> x, int rows, PackedLinear linear, Span<float> y, ActivationFunction activation = ActivationFunction.None) =>
        Multiply(Variants.Active, x, rows, linear, y, activation, 0, linear.Panels);

    /// <summary>The same for the outputs of panels <paramref name="firstPanel"/> … <paramref name="lastPanel"/> − 1 only, so that threads can share a product with few rows.</summary>
    public static void MultiplyPanels(
        ReadOnlySpan<float> x, int rows, PackedLinear linear, Span<float> y, ActivationFunction activation, int firstPanel, int lastPanel) =>
        Multiply(Variants.Active, x, rows, linear, y, activation, firstPanel, lastPanel);

    /// <summary>y += gate ⊙ (x·Wᵀ + b): the end of a gated residual branch.</summary>
    /// <param name="x">[rows, Inputs].</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="linear">W and b.</param>
    /// <param name="gates">One gate vector per group of rows: group g's stands at g · <paramref name="gateStride"/>, Outputs long.</param>
    /// <param name="gateStride">Distance between gate vectors.</param>
    /// <param name="rowsPerGate">Consecutive rows that share a gate.</param>
    /// <param name="firstRow">Number of the first row given here; row r belongs to group (firstRow + r) / rowsPerGate.</param>
    /// <param name="y">[rows, Outputs], read and written; must not overlap x.</param>
    public static void MultiplyGated(
        ReadOnlySpan<float> x, int rows, PackedLinear linear, ReadOnlySpan<float> gates, int gateStride, int rowsPerGate, int firstRow, Span<float> y) =>
        MultiplyGated(Variants.Active, x, rows, linear, gates, gateStride, rowsPerGate, firstRow, y);

    internal static unsafe void Multiply(
        KernelVariant variant, ReadOnlySpan<float> x, int rows, PackedLinear linear, Span<float> y, ActivationFunction activation, int firstPanel, int lastPanel)
    {
        Check(x, rows, linear, y);
        if (firstPanel < 0 || lastPanel > linear.Panels || firstPanel > lastPanel)
        {
            throw new ArgumentException($"panels {firstPanel}…{lastPanel} are not within 0…{linear.Panels}.", nameof(firstPanel));
        }

        if (variant == KernelVariant.Reference && linear.Precision == GemmPrecision.Float32)
        {
            MultiplyReference(x, rows, linear, y, activation, firstPanel, lastPanel);
            return;
        }

        fixed (float* px = x, py = y, pw = linear.Weights, pb = linear.Bias)
        {
            var job = new Product(px, rows, linear, pw, pb, py, activation, null, 0, 1, 0);
            if (linear.Precision == GemmPrecision.BFloat16) RunBfloat16(job, firstPanel, lastPanel);
            else if (variant == KernelVariant.Vector512) Run<Vector512<float>, Lanes512>(job, firstPanel, lastPanel);
            else Run<Vector256<float>, Lanes256>(job, firstPanel, lastPanel);
        }
    }

    internal static unsafe void MultiplyGated(
        KernelVariant variant, ReadOnlySpan<float> x, int rows, PackedLinear linear, ReadOnlySpan<float> gates, int gateStride, int rowsPerGate, int firstRow, Span<float> y)
    {
        Check(x, rows, linear, y);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowsPerGate);
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        if (rows == 0) return;
        long needed = (long)((firstRow + rows - 1) / rowsPerGate) * gateStride + linear.Outputs;
        if (gateStride < 0 || gates.Length < needed)
        {
            throw new ArgumentException($"gates must hold {needed} numbers for rows {firstRow}…{firstRow + rows - 1} at {rowsPerGate} rows a gate, it holds {gates.Length}.", nameof(gates));
        }

        if (variant == KernelVariant.Reference && linear.Precision == GemmPrecision.Float32)
        {
            MultiplyGatedReference(x, rows, linear, gates, gateStride, rowsPerGate, firstRow, y);
            return;
        }

        fixed (float* px = x, py = y, pw = linear.Weights, pb = linear.Bias, pg = gates)
        {
            var job = new Product(px, rows, linear, pw, pb, py, ActivationFunction.None, pg, gateStride, rowsPerGate, firstRow);
            if (linear.Precision == GemmPrecision.BFloat16) RunBfloat16(job, 0, linear.Panels);
            else if (variant == KernelVariant.Vector512) Run<Vector512<float>, Lanes512>(job, 0, linear.Panels);
            else Run<Vector256<float>, Lanes256>(job, 0, linear.Panels);
        }
    }

    private static void Check(ReadOnlySpan<float> x, int rows, PackedLinear linear, ReadOnlySpan<float> y)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        if (x.Length < (long)rows * linear.Inputs)
        {
            throw new ArgumentException($"x must hold rows × inputs = {rows} × {linear.Inputs} numbers, it holds {x.Length}.", nameof(x));
        }

        if (y.Length < (long)rows * linear.Outputs)
        {
            throw new ArgumentException($"y must hold rows × outputs = {rows} × {linear.Outputs} numbers, it holds {y.Length}.", nameof(y));
        }

        if (x.Overlaps(y)) throw new ArgumentException("x and y overlap; give separate memory.", nameof(y));
    }
}
