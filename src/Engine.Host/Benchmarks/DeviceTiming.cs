using Engine.Kernels.Devices.Cuda;

namespace Engine.Host.Benchmarks;

/// <summary>Times work on a device by its own events: recorded several times in a graph, so that the host does not count, on warm clocks, medians.</summary>
/// <param name="stream">Where the work goes.</param>
/// <param name="thorough">Off for the emulated device, where once is enough.</param>
internal sealed class DeviceTiming(CudaStream stream, bool thorough) : IDisposable
{
    private readonly CudaEvent _begin = stream.Context.CreateEvent(), _end = stream.Context.CreateEvent();

    /// <summary>Milliseconds of one run of <paramref name="work"/>.</summary>
    public double Measure(Action work)
    {
        int inside = thorough ? 20 : 1, repeats = thorough ? 25 : 1, warm = thorough ? 5 : 0;
        using CudaGraph graph = stream.Capture(() =>
        {
            for (int i = 0; i < inside; i++) work();
        });
        for (int i = 0; i < warm; i++) stream.Launch(graph);
        var times = new List<double>();
        for (int i = 0; i < repeats; i++)
        {
            stream.Record(_begin);
            stream.Launch(graph);
            stream.Record(_end);
            _end.Synchronize();
            times.Add(_begin.MillisecondsTo(_end) / inside);
        }

        return Ratio.MedianOf([.. times]);
    }

    public void Dispose()
    {
        _begin.Dispose();
        _end.Dispose();
    }
}
