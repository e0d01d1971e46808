using Engine.Kernels.Devices.Cuda;

namespace Engine.Runtime.Tests.WorldModel.Cuda;

/// <summary>
/// A device for tests of dreams: emulated on the CPU, or the GPU that <c>ENGINE_TEST_DEVICE</c> names (<c>cuda</c>), where the order of threads is the hardware's.
/// </summary>
internal sealed class EmulatedGpu : IDisposable
{
    private EmulatedGpu(EmulatedCudaDriver emulation, ICudaDriver driver, ICudaCompiler compiler)
    {
        Emulation = emulation;
        Driver = new RecordingCudaDriver(driver);
        Context = new CudaContext(Driver, compiler);
    }

    /// <summary>The emulated driver; idle where the device is a GPU.</summary>
    public EmulatedCudaDriver Emulation { get; }

    public RecordingCudaDriver Driver { get; }

    public CudaContext Context { get; }

    /// <summary>Opens a device of compute capability 9.0, or skips the test with the reason.</summary>
    public static EmulatedGpu OpenHopper()
    {
        EmulatedGpu gpu = Open(major: 9);
        Assert.SkipUnless(gpu.Context.Device.Architecture == "sm_90a", $"{gpu.Context.Device.Name} is not of compute capability 9.0");
        return gpu;
    }

    /// <summary>Opens one, or skips the test with the reason.</summary>
    public static EmulatedGpu Open(int major = 8)
    {
        if (Environment.GetEnvironmentVariable("ENGINE_TEST_DEVICE") is not "cuda") return OpenEmulated(major: major);
        ICudaDriver driver = LibCudaDriver.TryLoad(out string reason) ?? throw new InvalidOperationException($"ENGINE_TEST_DEVICE is cuda, but {reason}");
        ICudaCompiler nvrtc = NvrtcCompiler.TryFind(driver.Name) ?? throw new InvalidOperationException("ENGINE_TEST_DEVICE is cuda, but there is no NVRTC");
        return new EmulatedGpu(new EmulatedCudaDriver(), driver, nvrtc);
    }

    /// <summary>Opens one on the CPU, with as much memory as given, of compute capability 8.0 or another.</summary>
    public static EmulatedGpu OpenEmulated(long memory = 1L << 30, int major = 8)
    {
        var compiler = EmulationCompiler.TryFind();
        Assert.SkipWhen(compiler is null, "no g++: dreams on a GPU are not emulated");
        var driver = new EmulatedCudaDriver(memory, major);
        return new EmulatedGpu(driver, driver, compiler!);
    }

    public void Dispose() => Context.Dispose();
}
