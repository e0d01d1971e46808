using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Tests.Devices;

/// <summary>
/// A device for tests of kernels, with a stream: emulated on the CPU, or the GPU that <c>ENGINE_TEST_DEVICE</c> names (<c>cuda</c>), where the order of threads is
/// the hardware's.
/// </summary>
internal sealed class EmulatedDevice : IDisposable
{
    private readonly EmulationCompiler? _emulation;

    private EmulatedDevice(EmulatedCudaDriver emulated, EmulationCompiler? emulation, ICudaDriver driver, ICudaCompiler compiler)
    {
        _emulation = emulation;
        Emulation = emulated;
        Driver = new RecordingCudaDriver(driver);
        Context = new CudaContext(Driver, compiler);
        Stream = Context.CreateStream();
    }

    /// <summary>The emulation's compiler.</summary>
    public EmulationCompiler Compiler => _emulation ?? throw new InvalidOperationException("This device is a GPU.");

    /// <summary>The emulated driver; idle where the device is a GPU.</summary>
    public EmulatedCudaDriver Emulation { get; }

    public RecordingCudaDriver Driver { get; }

    public CudaContext Context { get; }

    public CudaStream Stream { get; }

    /// <summary>Opens one, or skips the test with the reason.</summary>
    public static EmulatedDevice Open(long memory = 1L << 30)
    {
        if (Environment.GetEnvironmentVariable("ENGINE_TEST_DEVICE") is not "cuda") return OpenEmulated(memory);
        ICudaDriver driver = LibCudaDriver.TryLoad(out string reason) ?? throw new InvalidOperationException($"ENGINE_TEST_DEVICE is cuda, but {reason}");
        ICudaCompiler nvrtc = NvrtcCompiler.TryFind(driver.Name) ?? throw new InvalidOperationException("ENGINE_TEST_DEVICE is cuda, but there is no NVRTC");
        return new EmulatedDevice(new EmulatedCudaDriver(memory), null, driver, nvrtc);
    }

    /// <summary>Opens one on the CPU, for tests of the emulation itself.</summary>
    public static EmulatedDevice OpenEmulated(long memory = 1L << 30)
    {
        var compiler = EmulationCompiler.TryFind();
        Assert.SkipWhen(compiler is null, "no g++: CUDA kernels are not run on the CPU");
        var driver = new EmulatedCudaDriver(memory);
        return new EmulatedDevice(driver, compiler, driver, compiler!);
    }

    /// <summary>Skips the test on a GPU that lacks what a kernel takes: <c>float8</c> (compute capability 8.9) or <c>warpgroups</c> (9.0); the emulation has everything.</summary>
    public void Needs(string feature)
    {
        if (_emulation is not null) return;
        bool has = feature switch
        {
            "float8" => Context.Device is { Major: > 8 } or { Major: 8, Minor: 9 },
            "warpgroups" => Context.Device.Architecture == "sm_90a",
            _ => throw new ArgumentException($"{feature} is not known."),
        };
        Assert.SkipUnless(has, $"{Context.Device.Name} has no {feature}");
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
