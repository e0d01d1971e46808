using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;

namespace Engine.Kernels.Ops.Quantise;

/// <summary>Rows of float32 to <see cref="Float8"/> with a scale each, on a device that has it (compute capability 8.9): Quantise.cu.</summary>
public static class Quantise
{
    private const int DeviceThreads = 128;

    /// <summary>y = x / scale, rounded, with scale = greatest magnitude of the row / 448 (1 for a row of zeros).</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="x">[rows, width], finite; at a multiple of 16 bytes.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="width">Numbers in a row, a multiple of 4.</param>
    /// <param name="y">[rows, width], at a multiple of 4 bytes.</param>
    /// <param name="scales">[rows].</param>
    /// <param name="norms">[rows]: length of each row of scale · y.</param>
    /// <exception cref="ArgumentException">A length or an alignment does not fit.</exception>
    public static void Rows(CudaStream stream, DeviceSpan<float> x, int rows, int width, DeviceSpan<Float8> y, DeviceSpan<float> scales, DeviceSpan<float> norms)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        DeviceElement.RequireMultiple(width, 4, nameof(width));
        string shape = $"rows × width = {rows} × {width}";
        x.Require((long)rows * width, nameof(x), shape);
        y.Require((long)rows * width, nameof(y), shape);
        scales.Require(rows, nameof(scales), "one a row");
        norms.Require(rows, nameof(norms), "one a row");
        DeviceElement.RequireAligned(x, nameof(x));
        DeviceElement.RequireAligned(y, nameof(y), 4);
        stream.Launch(Describe(), CudaGrid.Cover(rows, DeviceThreads / 32), x, rows, width, y, scales, norms);
    }

    /// <summary>The kernel: 80 registers, no shared memory.</summary>
    public static CudaKernel Describe() => new()
    {
        Source = "Quantise/Quantise.cu",
        Function = "quantise_rows",
        Defines = [],
        ThreadsPerBlock = DeviceThreads,
        RegisterBudget = 80,
        SharedBudget = 0,
        Architectures = Float8.Architectures,
    };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape _) => [Describe()];
}
