using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Philox;

/// <summary>On a device: Philox.cu, the same numbers to a few units in a float's last place (logarithm and sine are others than the processor's).</summary>
public static partial class Philox
{
    /// <summary>Integers of one key on a device: environment, episode, step.</summary>
    public const int DeviceKeyLength = 3;

    private const int DeviceThreads = 256;

    /// <summary>Fills rows with standard normal numbers: row r as <see cref="FillNormal(Span{float}, in PhiloxKey)"/> does for (seed, streamConstant, keys[r]).</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="destination">[rows, columns].</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Numbers in a row.</param>
    /// <param name="keys">[rows, 3]: environment, episode, step.</param>
    /// <param name="seed">The run's seed.</param>
    /// <param name="streamConstant">What the numbers are for.</param>
    /// <exception cref="ArgumentException">A length does not fit.</exception>
    public static void FillNormal(CudaStream stream, DeviceSpan<float> destination, int rows, int columns, DeviceSpan<uint> keys, ulong seed, uint streamConstant)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        destination.Require((long)rows * columns, nameof(destination), $"rows × columns = {rows} × {columns}");
        keys.Require((long)rows * DeviceKeyLength, nameof(keys), $"rows × 3 = {rows} × 3");
        if (columns == 0) return;
        stream.Launch(DeviceKernel, CudaGrid.Cover((long)rows * ((columns + 3) / 4), DeviceThreads), destination, rows, columns, keys, (uint)seed, (uint)(seed >> 32), streamConstant);
    }

    /// <summary>The kernel: 40 registers, no shared memory.</summary>
    public static CudaKernel DeviceKernel { get; } = new()
    {
        Source = "Philox/Philox.cu",
        Function = "fill_normal",
        Defines = [],
        ThreadsPerBlock = DeviceThreads,
        RegisterBudget = 40,
        SharedBudget = 0,
    };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape _) => [DeviceKernel];
}
