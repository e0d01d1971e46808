using Engine.Kernels.Devices.Cuda;

namespace Engine.Runtime.Tests.WorldModel.Cuda;

/// <summary>A device on the CPU for tests of dreams.</summary>
internal sealed class EmulatedGpu : IDisposable
{
    private EmulatedGpu(EmulationCompiler compiler, long memory)
    {
        Emulation = new EmulatedCudaDriver(memory);
        Driver = new RecordingCudaDriver(Emulation);
        Context = new CudaContext(Driver, compiler);
    }

    public EmulatedCudaDriver Emulation { get; }

    public RecordingCudaDriver Driver { get; }

    public CudaContext Context { get; }

    /// <summary>Opens one, or skips the test with the reason.</summary>
    public static EmulatedGpu Open(long memory = 1L << 30)
    {
        var compiler = EmulationCompiler.TryFind();
        Assert.SkipWhen(compiler is null, "no g++: dreams on a GPU are not emulated");
        return new EmulatedGpu(compiler!, memory);
    }

    public void Dispose() => Context.Dispose();
}
