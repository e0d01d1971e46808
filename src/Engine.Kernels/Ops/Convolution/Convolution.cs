using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.Convolution;

/// <summary>
/// Convolutions of images on float32, channels last: [H, W, C] → [H′, W′, C′], H′ = (H + 2·padding − kernel)/stride + 1, with what follows fused.
/// A number of the result is the bias followed by one fused multiply-add for each number of its patch, in the order (row, column, channel), zeros of the padding
/// included: it depends neither on the variant nor on which other pixels are computed.
/// </summary>
public static partial class Convolution
{
    internal static readonly VariantTable Variants = VariantTable.For("convolution");

    /// <summary>y = f(conv(x) + b).</summary>
    /// <param name="x">[height, width, Inputs].</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    /// <param name="packed">Weight and b.</param>
    /// <param name="y">[H′, W′, Outputs]; must not overlap x.</param>
    /// <param name="activation">f.</param>
    /// <exception cref="ArgumentException">A span's length does not fit, or the padded image is smaller than the kernel.</exception>
    public static void Apply(ReadOnlySpan<float> x, int height, int width, PackedConvolution packed, Span<float> y, ActivationFunction activation = ActivationFunction.None) =>
        Run(Variants.Active, x, height, width, packed, y, activation, false, 0, packed.OutputSize(height));

    /// <summary>The same for rows <paramref name="firstRow"/> … <paramref name="lastRow"/> − 1 of the result only, so that threads can share an image.</summary>
    public static void ApplyRows(
        ReadOnlySpan<float> x, int height, int width, PackedConvolution packed, Span<float> y, ActivationFunction activation, int firstRow, int lastRow) =>
        Run(Variants.Active, x, height, width, packed, y, activation, false, firstRow, lastRow);

    /// <summary>y += conv(x) + b, in rows <paramref name="firstRow"/> … <paramref name="lastRow"/> − 1: the end of a residual branch.</summary>
    /// <inheritdoc cref="ApplyRows"/>
    public static void AddRows(ReadOnlySpan<float> x, int height, int width, PackedConvolution packed, Span<float> y, int firstRow, int lastRow) =>
        Run(Variants.Active, x, height, width, packed, y, ActivationFunction.None, true, firstRow, lastRow);

    internal static void Run(
        KernelVariant variant, ReadOnlySpan<float> x, int height, int width, PackedConvolution packed, Span<float> y, ActivationFunction activation, bool add, int firstRow, int lastRow)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        int rows = packed.OutputSize(height), columns = packed.OutputSize(width);
        if (rows == 0 || columns == 0)
        {
            throw new ArgumentException($"an image of {height} × {width} with {packed.Padding} zeros around is smaller than the kernel, {packed.Kernel} × {packed.Kernel}.", nameof(height));
        }

        if (x.Length < (long)height * width * packed.Inputs)
        {
            throw new ArgumentException($"x must hold height × width × channels = {height} × {width} × {packed.Inputs} numbers, it holds {x.Length}.", nameof(x));
        }

        if (y.Length < (long)rows * columns * packed.Outputs)
        {
            throw new ArgumentException($"y must hold {rows} × {columns} × {packed.Outputs} numbers, it holds {y.Length}.", nameof(y));
        }

        if (firstRow < 0 || lastRow > rows || firstRow > lastRow) throw new ArgumentException($"rows {firstRow}…{lastRow} are not within 0…{rows}.", nameof(firstRow));
        if (x.Overlaps(y)) throw new ArgumentException("x and y overlap; give separate memory.", nameof(y));
        if (variant == KernelVariant.Reference) RunReference(x, height, width, packed, y, activation, add, firstRow, lastRow);
        else if (packed.RowGroup == 4) RunWinograd<WinogradTile4>(variant, x, height, width, packed, y, activation, add, firstRow, lastRow);
        else if (packed.RowGroup == 2) RunWinograd<WinogradTile2>(variant, x, height, width, packed, y, activation, add, firstRow, lastRow);
        else RunPatches(variant, x, height, width, packed, y, activation, add, firstRow, lastRow);
    }
}
