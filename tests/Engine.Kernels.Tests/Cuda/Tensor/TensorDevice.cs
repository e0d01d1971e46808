using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Tests.Cuda.Tensor;

/// <summary>A device on the CPU that runs the threads of a kernel in a given order.</summary>
internal sealed class TensorDevice : IDisposable
{
    private readonly EmulatedCudaDriver _emulated = new(1L << 30);

    private TensorDevice(EmulationCompiler compiler)
    {
        Driver = new RecordingCudaDriver(_emulated);
        Context = new CudaContext(Driver, compiler);
        Stream = Context.CreateStream();
    }

    public RecordingCudaDriver Driver { get; }

    public CudaContext Context { get; }

    public CudaStream Stream { get; }

    public static TensorDevice Open()
    {
        var compiler = EmulationCompiler.TryFind();
        Assert.SkipWhen(compiler is null, "no g++: CUDA kernels are not run on the CPU");
        return new TensorDevice(compiler!);
    }

    /// <summary>What <paramref name="run"/> gives with threads and blocks in ascending, descending and shuffled order, which must be the same bits.</summary>
    public T[] InEveryOrder<T>(Func<T[]> run)
        where T : unmanaged
    {
        T[]? first = null;
        foreach (EmulationOrder order in Enum.GetValues<EmulationOrder>())
        {
            _emulated.Order = order;
            T[] results = run();
            if (first is not null) Assert.Equal(first, results);
            first ??= results;
        }

        return first!;
    }

    public T[] Read<T>(DeviceSpan<T> span)
        where T : unmanaged
    {
        var values = new T[span.Length];
        Stream.Download(span, values);
        return values;
    }

    public void Dispose()
    {
        Stream.Dispose();
        Context.Dispose();
    }
}
