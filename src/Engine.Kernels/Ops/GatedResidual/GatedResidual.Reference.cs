namespace Engine.Kernels.Ops.GatedResidual;

/// <summary>
/// x += gate · (y + bias): the end of a gated residual branch (DiT, arXiv 2212.09748), for products that were made without it. Engine's own products
/// (<c>Gemm.MultiplyGated</c>) do it behind each tile.
/// </summary>
public static partial class GatedResidual
{
    /// <summary>The plainest loop.</summary>
    internal static void Reference(
        ReadOnlySpan<float> y, int rows, int width, ReadOnlySpan<float> bias, ReadOnlySpan<float> gates, int stride, int rowsPerGroup, int firstRow, Span<float> x)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; i < width; i++)
            {
                float added = y[row * width + i] + (bias.IsEmpty ? 0 : bias[i]);
                x[row * width + i] = MathF.FusedMultiplyAdd(gates[(firstRow + row) / rowsPerGroup * stride + i], added, x[row * width + i]);
            }
        }
    }
}
