using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.GatedResidual;

/// <summary>On a device: GatedResidual.cu.</summary>
public static partial class GatedResidual
{
    private const int DeviceThreads = 256;

    /// <summary>x += gate · (y + bias), row by row.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="y">[rows, width], float or <see cref="Bfloat16"/>; where width is a multiple of 4, every span must start at a multiple of 16 bytes.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="width">Numbers in a row.</param>
    /// <param name="bias">[width], or empty.</param>
    /// <param name="gates">One gate vector per group of rows: group g's stands at g · <paramref name="stride"/>.</param>
    /// <param name="stride">Distance between gate vectors.</param>
    /// <param name="rowsPerGroup">Consecutive rows that share a gate.</param>
    /// <param name="firstRow">Number of the first row given here; row r belongs to group (firstRow + r) / rowsPerGroup.</param>
    /// <param name="x">[rows, width], read and written.</param>
    /// <exception cref="ArgumentException">A length, a type or an alignment does not fit.</exception>
    public static void Add<T>(
        CudaStream stream, DeviceSpan<T> y, int rows, int width, DeviceSpan<float> bias, DeviceSpan<float> gates, int stride, int rowsPerGroup, int firstRow, DeviceSpan<float> x)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegative(stride);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowsPerGroup);
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        CudaKernel kernel = Describe<T>(width);
        if (rows == 0) return;
        y.Require((long)rows * width, nameof(y), $"rows × width = {rows} × {width}");
        x.Require((long)rows * width, nameof(x), $"rows × width = {rows} × {width}");
        gates.Require((long)((firstRow + rows - 1) / rowsPerGroup) * stride + width, nameof(gates), $"rows {firstRow}…{firstRow + rows - 1}");
        if (bias.Length != 0) bias.Require(width, nameof(bias), "width, or none");
        if (width % 4 == 0)
        {
            DeviceElement.RequireAligned(y, nameof(y));
            DeviceElement.RequireAligned(x, nameof(x));
            DeviceElement.RequireAligned(bias, nameof(bias));
            DeviceElement.RequireAligned(gates, nameof(gates));
            DeviceElement.RequireMultiple(stride, 4, nameof(stride));
        }

        stream.Launch(kernel, CudaGrid.Cover((long)rows * width / (width % 4 == 0 ? 4 : 1), DeviceThreads), y, rows, DeviceElement.OrNone(bias), gates, stride, rowsPerGroup, firstRow, x);
    }

    /// <summary>The kernel for rows of <paramref name="width"/>: 40 registers, no shared memory.</summary>
    public static CudaKernel Describe<T>(int width)
        where T : unmanaged => new()
        {
            Source = "GatedResidual/GatedResidual.cu",
            Function = "gated_residual",
            Defines = [new("ENG_WIDTH", width), new("ENG_SOURCE", DeviceElement.Name<T>("y"))],
            ThreadsPerBlock = DeviceThreads,
            RegisterBudget = 40,
            SharedBudget = 0,
            Hot = true,
        };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape shape) => [Describe<Bfloat16>(shape.Dim), Describe<float>(shape.Dim)];
}
