using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Tests.Devices;

namespace Engine.Kernels.Tests.Cuda.Emulation;

/// <summary>Kernels given as text, on an emulated device.</summary>
internal sealed class KernelText : IDisposable
{
    private const string Prologue = "#include \"engine_device.cuh\"\nusing namespace engine;\n";

    private readonly EmulatedDevice _device = EmulatedDevice.OpenEmulated();
    private readonly nint _module, _stream;

    public KernelText(string text, params CudaDefine[] defines)
    {
        CudaImage image = _device.Compiler.Compile("test", "test.cu", Prologue + text, defines);
        _module = _device.Driver.LoadModule(image);
        _stream = _device.Driver.CreateStream();
    }

    /// <summary>Runs a kernel on an array, which is its first argument, and gives what stands in it afterwards.</summary>
    public T[] Run<T>(string function, T[] values, int threads, EmulationOrder order = EmulationOrder.Ascending, int blocks = 1, int shared = 0, params CudaArgument[] more)
        where T : unmanaged
    {
        using DeviceBuffer<T> buffer = _device.Stream.Upload<T>(values);
        _device.Emulation.Order = order;
        _device.Emulation.OrderSeed = 3;
        _device.Driver.Launch(_device.Driver.GetFunction(_module, function), new CudaGrid(blocks), threads, shared, _stream, [buffer, .. more], overlaps: false);
        return _device.Read(buffer.Span);
    }

    /// <summary>One more array.</summary>
    public DeviceBuffer<float> Upload(float[] values) => _device.Stream.Upload<float>(values);

    public float[] Read(DeviceBuffer<float> buffer) => _device.Read(buffer.Span);

    /// <summary>The message of a launch that must fail.</summary>
    public string Error(string function, int threads, EmulationOrder order = EmulationOrder.Ascending, int blocks = 1, int shared = 0) =>
        Assert.Throws<CudaException>(() => Run(function, new float[4096], threads, order, blocks, shared)).Message;

    public void Dispose() => _device.Dispose();
}
