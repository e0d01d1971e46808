using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;

namespace Engine.Kernels.Ops.LayerNorm;

/// <summary>On a device: LayerNorm.cu.</summary>
public static partial class LayerNorm
{
    /// <summary>Widest row on a device: a warp keeps one in its registers.</summary>
    public const int MaxDeviceWidth = 2048;

    private const int DeviceWarps = 2;

    /// <summary>y = (x − mean) / √(variance + epsilon) · (1 + scale) + shift, row by row, in float32; each row's result is its own.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="x">[rows, width].</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="width">Numbers in a row; where it is a multiple of 4, every span must start at a multiple of 16 bytes.</param>
    /// <param name="shifts">One shift vector per group of rows: group g's stands at g · <paramref name="stride"/>.</param>
    /// <param name="scales">Likewise the scale vectors.</param>
    /// <param name="stride">Distance between the vectors of neighbouring groups.</param>
    /// <param name="rowsPerGroup">Consecutive rows that share shift and scale.</param>
    /// <param name="firstRow">Number of the first row given here; row r belongs to group (firstRow + r) / rowsPerGroup.</param>
    /// <param name="y">[rows, width], float or <see cref="Bfloat16"/>; of float it may be x itself.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <exception cref="ArgumentException">A length, a type or an alignment does not fit.</exception>
    public static void Modulate<T>(
        CudaStream stream, DeviceSpan<float> x, int rows, int width, DeviceSpan<float> shifts, DeviceSpan<float> scales, int stride, int rowsPerGroup, int firstRow,
        DeviceSpan<T> y, float epsilon = 1e-6f)
        where T : unmanaged
    {
        CudaKernel kernel = Describe<T>(width);
        Check(x, rows, width, shifts, scales, stride, rowsPerGroup, firstRow, y);
        DeviceSpan<float> none = default;
        stream.Launch(kernel, CudaGrid.Cover(rows, DeviceWarps), x, rows, shifts, scales, stride, rowsPerGroup, firstRow, y, epsilon, none, none, 0f, 0f);
    }

    /// <summary>
    /// The same as e4m3 with a scale for each row: <paramref name="rowScales"/>[r] · y[r] is what <see cref="Modulate{T}"/> gives. And, where <paramref name="bounds"/> is not empty, the scale that results of the
    /// linear layer behind can be stored with before they are known: no |scale · y·Wᵀ + b| of row r exceeds 448 · bounds[r].
    /// </summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="x">[rows, width].</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="width">Numbers in a row, a multiple of 4.</param>
    /// <param name="shifts">As above.</param>
    /// <param name="scales">As above.</param>
    /// <param name="stride">As above.</param>
    /// <param name="rowsPerGroup">As above.</param>
    /// <param name="firstRow">As above.</param>
    /// <param name="y">[rows, width].</param>
    /// <param name="rowScales">[rows].</param>
    /// <param name="bounds">[rows], or empty.</param>
    /// <param name="weightNorm">The greatest length of a row of W.</param>
    /// <param name="greatestBias">The greatest magnitude in b.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <exception cref="ArgumentException">A length or an alignment does not fit.</exception>
    public static void ModulateQuantised(
        CudaStream stream, DeviceSpan<float> x, int rows, int width, DeviceSpan<float> shifts, DeviceSpan<float> scales, int stride, int rowsPerGroup, int firstRow,
        DeviceSpan<Float8> y, DeviceSpan<float> rowScales, DeviceSpan<float> bounds = default, float weightNorm = 0, float greatestBias = 0, float epsilon = 1e-6f)
    {
        DeviceElement.RequireMultiple(width, 4, nameof(width));
        Check(x, rows, width, shifts, scales, stride, rowsPerGroup, firstRow, y);
        rowScales.Require(rows, nameof(rowScales), "one a row");
        if (bounds.Length > 0) bounds.Require(rows, nameof(bounds), "one a row, or none");
        stream.Launch(
            DescribeQuantised(width), CudaGrid.Cover(rows, DeviceWarps), x, rows, shifts, scales, stride, rowsPerGroup, firstRow, y, epsilon, rowScales, DeviceElement.OrNone(bounds), weightNorm,
            greatestBias);
    }

    /// <summary>The kernel for rows of <paramref name="width"/> and an output of <typeparamref name="T"/>: 3 · width / 32 registers and 40, no shared memory, no spills.</summary>
    public static CudaKernel Describe<T>(int width)
        where T : unmanaged => Describe(width, DeviceElement.Name<T>("y"), quantised: false);

    /// <summary>The same for e4m3.</summary>
    public static CudaKernel DescribeQuantised(int width) => Describe(width, "float8", quantised: true) with { Architectures = Float8.Architectures };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape shape) => [Describe<Bfloat16>(shape.Dim), Describe<float>(shape.Dim), DescribeQuantised(shape.Dim)];

    private static CudaKernel Describe(int width, string output, bool quantised) => new()
    {
        Source = "LayerNorm/LayerNorm.cu",
        Function = "layer_norm_modulate",
        Defines = [new("ENG_WIDTH", width), new("ENG_WARPS", DeviceWarps), new("ENG_OUTPUT", output), new("ENG_QUANTISED", quantised ? 1 : 0)],
        ThreadsPerBlock = 32 * DeviceWarps,
        RegisterBudget = Math.Min(254, 3 * ((width + 31) / 32) + 40),
        SharedBudget = 0,
        Hot = true,
    };

    private static void Check<T>(
        DeviceSpan<float> x, int rows, int width, DeviceSpan<float> shifts, DeviceSpan<float> scales, int stride, int rowsPerGroup, int firstRow, DeviceSpan<T> y)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, MaxDeviceWidth);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowsPerGroup);
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegative(stride);
        if (rows == 0) return;
        string shape = $"rows × width = {rows} × {width}";
        x.Require((long)rows * width, nameof(x), shape);
        y.Require((long)rows * width, nameof(y), shape);
        long needed = (long)((firstRow + rows - 1) / rowsPerGroup) * stride + width;
        shifts.Require(needed, nameof(shifts), $"rows {firstRow}…{firstRow + rows - 1}");
        scales.Require(needed, nameof(scales), $"rows {firstRow}…{firstRow + rows - 1}");
        if (width % 4 == 0)
        {
            DeviceElement.RequireAligned(x, nameof(x));
            DeviceElement.RequireAligned(y, nameof(y));
            DeviceElement.RequireAligned(shifts, nameof(shifts));
            DeviceElement.RequireAligned(scales, nameof(scales));
            DeviceElement.RequireMultiple(stride, 4, nameof(stride));
        }

    }
}
