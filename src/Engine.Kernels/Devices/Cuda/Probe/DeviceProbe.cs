using System.Diagnostics;

namespace Engine.Kernels.Devices.Cuda.Probe;

/// <summary>The smallest job for a device, from source to result: shows that compiler, driver and device work together.</summary>
public static class DeviceProbe
{
    private const int Threads = 128;

    /// <summary>Compiles, uploads, computes, downloads and compares; returns the milliseconds that it took.</summary>
    /// <exception cref="CudaException">A step fails, or the result is wrong.</exception>
    public static double Run(CudaContext context)
    {
        const int Count = 1000;
        long start = Stopwatch.GetTimestamp();
        using CudaStream stream = context.CreateStream();
        using DeviceBuffer<float> x = stream.Upload<float>([.. Enumerable.Range(0, Count).Select(i => (float)i)]), y = stream.Allocate<float>(Count);
        Launch(stream, x.Span, y.Span, 2f, 0.5f, Count);
        var result = new float[Count];
        stream.Download(y.Span, result);
        for (int i = 0; i < Count; i++)
        {
            if (result[i] != 2f * i + 0.5f) throw new CudaException("probe", -1, $"{context.Device.Name} computed 2 · {i} + 0.5 = {result[i]}: the device, its driver or its memory is not to be trusted");
        }

        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>y = scale · x + offset.</summary>
    internal static void Launch(CudaStream stream, DeviceSpan<float> x, DeviceSpan<float> y, float scale, float offset, int count)
    {
        x.Require(count, nameof(x), "count");
        y.Require(count, nameof(y), "count");
        stream.Launch(Describe(), CudaGrid.Cover(count, Threads), x, y, scale, offset, count);
    }

    internal static CudaKernel Describe() => new()
    {
        Source = "Devices/Probe.cu",
        Function = "probe",
        Defines = [new("ENGINE_THREADS", Threads)],
        ThreadsPerBlock = Threads,
        RegisterBudget = 32,
        SharedBudget = 0,
        Hot = true,
    };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape _) => [Describe()];
}
