using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Devices.Cuda.Probe;

namespace Engine.Kernels.Tests.Devices;

public sealed class EmulatedDriverTests
{
    [Fact]
    public void Memory_comes_back_as_it_was_sent_and_begins_as_NaN()
    {
        using var device = EmulatedDevice.OpenEmulated();
        using DeviceBuffer<float> buffer = device.Stream.Allocate<float>(5);
        Assert.All(device.Read(buffer.Span), value => Assert.True(float.IsNaN(value)));
        device.Stream.Upload<float>([1, 2, 3], buffer.Slice(1, 3));
        Assert.Equal([float.NaN, 1, 2, 3, float.NaN], device.Read(buffer.Span));
        device.Stream.Clear(buffer.Slice(2, 1));
        device.Stream.Copy(buffer.Slice(1, 2), buffer.Slice(3, 2));
        Assert.Equal([float.NaN, 1, 0, 1, 0], device.Read(buffer.Span));
    }

    [Fact]
    public void A_buffer_that_does_not_fit_says_what_was_asked_and_held_and_leaves_the_device_usable()
    {
        using var device = EmulatedDevice.OpenEmulated(memory: 10 << 20);
        using DeviceBuffer<float> held = device.Stream.Allocate<float>(1 << 20);
        var error = Assert.Throws<OutOfMemoryException>(() => device.Stream.Allocate<float>(3 << 20));
        Assert.Contains("no room for 12 MiB: 4 MiB are held here, 6 MiB of 10 MiB are free", error.Message);
        using DeviceBuffer<float> fits = device.Stream.Allocate<float>(1 << 20);
        Assert.Equal(8 << 20, device.Context.HeldBytes);
        fits.Dispose();
        Assert.Equal(4 << 20, device.Context.HeldBytes);
    }

    [Fact]
    public void A_captured_graph_does_its_work_at_each_launch_and_not_before()
    {
        using var device = EmulatedDevice.OpenEmulated();
        using DeviceBuffer<int> from = device.Stream.Upload<int>([1, 2]), to = device.Stream.Upload<int>([0, 0]);
        using CudaGraph graph = device.Stream.Capture(() => device.Stream.Copy(from.Span, to.Span));
        Assert.Equal([0, 0], device.Read(to.Span));
        device.Stream.Launch(graph);
        Assert.Equal([1, 2], device.Read(to.Span));
        device.Stream.Upload<int>([3, 4], from.Span);
        device.Stream.Launch(graph);
        Assert.Equal([3, 4], device.Read(to.Span));
        Assert.Equal(
            ["cuStreamBeginCapture", "cuMemcpyDtoDAsync", "cuStreamEndCapture", "cuGraphInstantiate"],
            device.Driver.Calls.Select(call => call.Name).SkipWhile(name => name != "cuStreamBeginCapture").Take(4));
    }

    [Fact]
    public void A_stream_leaves_the_recording_when_the_work_fails_and_refuses_to_allocate_within_it()
    {
        using var device = EmulatedDevice.OpenEmulated();
        var error = Assert.Throws<CudaException>(() => device.Stream.Capture(() => device.Stream.Allocate<float>(1)));
        Assert.Contains("cuMemAllocAsync", error.Message);
        using DeviceBuffer<float> buffer = device.Stream.Upload<float>([7]);
        Assert.Equal([7], device.Read(buffer.Span));
    }

    [Fact]
    public void A_copy_outside_a_buffer_is_refused()
    {
        using var device = EmulatedDevice.OpenEmulated();
        using DeviceBuffer<float> buffer = device.Stream.Allocate<float>(4);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(2, 3));
        Assert.Throws<ArgumentException>(() => device.Stream.Upload<float>([1, 2, 3, 4, 5], buffer.Span));
        var beyond = new DeviceSpan<float>(buffer.Span.Address, 5);
        Assert.Throws<CudaException>(() => device.Stream.Clear(beyond));
    }

    [Fact]
    public void A_device_that_is_not_there_is_named()
    {
        using var device = EmulatedDevice.OpenEmulated();
        var error = Assert.Throws<CudaException>(() => new CudaContext(device.Driver, EmulationCompiler.TryFind()!, 3));
        Assert.Contains("there is no CUDA device 3; emulated on the CPU has 1", error.Message);
    }

    [Theory]
    [InlineData(EmulationOrder.Ascending)]
    [InlineData(EmulationOrder.Descending)]
    [InlineData(EmulationOrder.Shuffled)]
    public void A_kernel_runs_from_its_source(EmulationOrder order)
    {
        using var device = EmulatedDevice.OpenEmulated();
        device.Emulation.Order = order;
        Assert.True(DeviceProbe.Run(device.Context) > 0);
        CudaCall launch = Assert.Single(device.Driver.Calls, call => call.Name == "cuLaunchKernel");
        Assert.Equal(new CudaCall("cuLaunchKernel", "probe", new CudaGrid(8), 128, 0), launch);
    }

    [Fact]
    public void A_launch_that_fails_names_kernel_constants_and_geometry()
    {
        using var device = EmulatedDevice.OpenEmulated();
        CudaKernel absent = DeviceProbe.Describe() with { Function = "absent" };
        var error = Assert.Throws<CudaException>(() => device.Stream.Launch(absent, new CudaGrid(2), 0));
        Assert.Contains("absent(ENGINE_THREADS=128) on 2×1×1 blocks of 128 threads", error.Message);
        error = Assert.Throws<CudaException>(() => device.Stream.Launch(DeviceProbe.Describe(), new CudaGrid(1, 70000), 0));
        Assert.Contains("probe(ENGINE_THREADS=128) on 1×70000×1 blocks", error.Message);
        error = Assert.Throws<CudaException>(() => device.Stream.Launch(DeviceProbe.Describe() with { DynamicSharedBytes = 1 << 20 }, new CudaGrid(1), 0));
        Assert.Contains("wants 1048576 bytes of dynamic shared memory a block, emulated device gives 232448 at most", error.Message);
    }

    [Fact]
    public void A_source_that_does_not_compile_says_which_and_what_the_compiler_said()
    {
        using var device = EmulatedDevice.OpenEmulated();
        CudaKernel broken = DeviceProbe.Describe() with { Defines = [new("ENGINE_THREADS", "nonsense")] };
        var error = Assert.Throws<CudaException>(() => device.Context.Prepare([broken]));
        Assert.Contains("probe(ENGINE_THREADS=nonsense) does not compile", error.Message);
        Assert.Contains("Probe.cu", error.Message);
        error = Assert.Throws<CudaException>(() => device.Context.Prepare([broken with { Source = "Nowhere/Nothing.cu" }]));
        Assert.Contains("there is no source Ops/Nowhere/Nothing.cu", error.Message);
    }

    [Fact]
    public void A_kernel_that_writes_behind_a_buffer_is_named_and_the_next_is_not()
    {
        using var device = EmulatedDevice.OpenEmulated();
        using DeviceBuffer<float> x = device.Stream.Upload<float>(new float[10]), y = device.Stream.Allocate<float>(8);
        var error = Assert.Throws<CudaException>(() => DeviceProbe.Launch(device.Stream, x.Span, y.Span with { Length = 10 }, 1, 1, 10));
        Assert.Equal(700, error.Status);
        Assert.Contains("probe wrote 0 bytes behind a buffer of 32 bytes", error.Message);
        DeviceProbe.Launch(device.Stream, x.Span, y.Span, 1, 1, 8);
    }
}
