using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Tests.Devices;

public sealed class EmulatedDriverTests
{
    [Fact]
    public void Memory_comes_back_as_it_was_sent_and_begins_as_NaN()
    {
        using var device = EmulatedDevice.Open();
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
        using var device = EmulatedDevice.Open(memory: 10 << 20);
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
        using var device = EmulatedDevice.Open();
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
        using var device = EmulatedDevice.Open();
        var error = Assert.Throws<CudaException>(() => device.Stream.Capture(() => device.Stream.Allocate<float>(1)));
        Assert.Contains("cuMemAllocAsync", error.Message);
        using DeviceBuffer<float> buffer = device.Stream.Upload<float>([7]);
        Assert.Equal([7], device.Read(buffer.Span));
    }

    [Fact]
    public void A_copy_outside_a_buffer_is_refused()
    {
        using var device = EmulatedDevice.Open();
        using DeviceBuffer<float> buffer = device.Stream.Allocate<float>(4);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Slice(2, 3));
        Assert.Throws<ArgumentException>(() => device.Stream.Upload<float>([1, 2, 3, 4, 5], buffer.Span));
        var beyond = new DeviceSpan<float>(buffer.Span.Address, 5);
        Assert.Throws<CudaException>(() => device.Stream.Clear(beyond));
    }

    [Fact]
    public void A_device_that_is_not_there_is_named()
    {
        using var device = EmulatedDevice.Open();
        var error = Assert.Throws<CudaException>(() => new CudaContext(device.Driver, EmulationCompiler.TryFind()!, 3));
        Assert.Contains("there is no CUDA device 3; emulated on the CPU has 1", error.Message);
    }
}
