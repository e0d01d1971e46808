using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Tests.Devices;

/// <summary>A device on the CPU for tests of kernels, with a stream.</summary>
internal sealed class EmulatedDevice : IDisposable
{
    private EmulatedDevice(EmulationCompiler compiler, long memory)
    {
        Compiler = compiler;
        Emulation = new EmulatedCudaDriver(memory);
        Driver = new RecordingCudaDriver(Emulation);
        Context = new CudaContext(Driver, compiler);
        Stream = Context.CreateStream();
    }

    public EmulationCompiler Compiler { get; }

    public EmulatedCudaDriver Emulation { get; }

    public RecordingCudaDriver Driver { get; }

    public CudaContext Context { get; }

    public CudaStream Stream { get; }

    /// <summary>Opens one, or skips the test with the reason.</summary>
    public static EmulatedDevice Open(long memory = 1L << 30)
    {
        var compiler = EmulationCompiler.TryFind();
        Assert.SkipWhen(compiler is null, "no g++: CUDA kernels are not run on the CPU");
        return new EmulatedDevice(compiler!, memory);
    }

    /// <summary>What a buffer holds.</summary>
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
