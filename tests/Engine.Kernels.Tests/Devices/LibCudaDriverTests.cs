using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Devices.Cuda.Probe;

namespace Engine.Kernels.Tests.Devices;

/// <summary>The calls of the real driver's functions, on a library that has them but no GPU.</summary>
[Collection("fake CUDA driver")]
public sealed class LibCudaDriverTests : IDisposable
{
    public LibCudaDriverTests() => FakeCuda.SetMode(0);

    public void Dispose() => FakeCuda.SetMode(0);

    [Fact]
    public void A_device_is_described()
    {
        LibCudaDriver driver = Load();
        Assert.Equal("CUDA driver 12.4", driver.Name);
        Assert.Equal(1, driver.DeviceCount);
        CudaDeviceInfo device = driver.Describe(0);
        Assert.Equal(new CudaDeviceInfo(0, "Fake GPU", 9, 0, 1L << 36, 132, 232448, true), device);
        Assert.Equal("sm_90a", device.Architecture);
        Assert.Equal("sm_86", (device with { Major = 8, Minor = 6 }).Architecture);
        Assert.Contains("cuDeviceGet: ", Assert.Throws<CudaException>(() => driver.Describe(1)).Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void A_kernel_runs_and_everything_is_given_back(int mode)
    {
        FakeCuda.SetMode(mode);
        int buffers = FakeCuda.Buffers(), contexts = FakeCuda.Retained();
        using (var context = new CudaContext(Load(), new FakeCuda.Compiler()))
        {
            Assert.True(DeviceProbe.Run(context) > 0);
            Assert.Equal(42, context.Attribute(DeviceProbe.Describe(), CudaFunctionAttribute.Registers));
            Assert.Equal(16, context.MaxActiveBlocks(DeviceProbe.Describe()));
            Assert.Equal(0, context.HeldBytes);
        }

        Assert.Equal((buffers, contexts), (FakeCuda.Buffers(), FakeCuda.Retained()));
    }

    [Fact]
    public void A_graph_replays_kernels_copies_and_fills()
    {
        using var context = new CudaContext(Load(), new FakeCuda.Compiler());
        using CudaStream stream = context.CreateStream();
        using DeviceBuffer<float> x = stream.Upload<float>([1, 2, 3]), y = stream.Allocate<float>(3), z = stream.Allocate<float>(4);
        using PinnedBuffer<float> pinned = context.AllocatePinned<float>(4);
        using CudaGraph graph = stream.Capture(() =>
        {
            DeviceProbe.Launch(stream, x, y, 10, 1, 3);
            stream.Clear(z.Span);
            stream.Copy(y.Span, z.Slice(1, 3));
            stream.Download(z.Span, pinned);
        });
        stream.Launch(graph);
        stream.Synchronize();
        Assert.Equal([0, 11, 21, 31], pinned.Span.ToArray());
        stream.Upload<float>([4, 5, 6], x);
        stream.Launch(graph);
        stream.Synchronize();
        Assert.Equal([0, 41, 51, 61], pinned.Span.ToArray());
    }

    [Fact]
    public void Only_a_kernel_that_waits_itself_may_begin_before_the_one_before_it_has_ended()
    {
        using var context = new CudaContext(Load(), new FakeCuda.Compiler());
        using CudaStream stream = context.CreateStream();
        using DeviceBuffer<float> x = stream.Upload<float>([1, 2, 3]), y = stream.Allocate<float>(3);
        int before = FakeCuda.Overlapping();
        stream.Launch(DeviceProbe.Describe(), new CudaGrid(1), x, y, 10f, 1f, 3);
        Assert.Equal(0, FakeCuda.Overlapping() - before);
        stream.Launch(DeviceProbe.Describe() with { Overlaps = true }, new CudaGrid(1), y, x, 10f, 1f, 3);
        Assert.Equal(1, FakeCuda.Overlapping() - before);
        var values = new float[3];
        stream.Download(x.Span, values);
        Assert.Equal([111, 211, 311], values);
    }

    [Fact]
    public void Events_order_streams_and_keep_time()
    {
        using var context = new CudaContext(Load(), new FakeCuda.Compiler());
        using CudaStream first = context.CreateStream(), second = context.CreateStream();
        using CudaEvent begin = context.CreateEvent(), end = context.CreateEvent();
        first.Record(begin);
        second.Wait(begin);
        second.Record(end);
        end.Synchronize();
        Assert.True(begin.MillisecondsTo(end) >= 0);
    }

    [Fact]
    public void Out_of_memory_says_what_was_asked_held_and_free_and_leaves_the_device_usable()
    {
        using var context = new CudaContext(Load(), new FakeCuda.Compiler());
        using CudaStream stream = context.CreateStream();
        using DeviceBuffer<float> held = stream.Allocate<float>(1 << 18);
        FakeCuda.SetMode(2);
        var error = Assert.Throws<OutOfMemoryException>(() => stream.Allocate<float>(1 << 20));
        Assert.Contains("Fake GPU has no room for 4 MiB: 1 MiB are held here, 3 MiB of 65536 MiB are free", error.Message);
        Assert.Contains("CUDA_ERROR_OUT_OF_MEMORY", error.InnerException!.Message);
        FakeCuda.SetMode(0);
        Assert.True(DeviceProbe.Run(context) > 0);
    }

    [Fact]
    public void An_error_of_a_kernel_shows_at_the_wait_with_the_drivers_words()
    {
        using var context = new CudaContext(Load(), new FakeCuda.Compiler());
        using CudaStream stream = context.CreateStream();
        FakeCuda.SetMode(3);
        var error = Assert.Throws<CudaException>(stream.Synchronize);
        Assert.Equal(("cuStreamSynchronize", 700), (error.Call, error.Status));
        Assert.Equal("cuStreamSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS: as the fake driver was told", error.Message);
    }

    [Fact]
    public void A_module_that_does_not_load_shows_the_drivers_log()
    {
        LibCudaDriver driver = Load();
        driver.MakeCurrent(driver.RetainContext(0));
        var error = Assert.Throws<CudaException>(() => driver.LoadModule(new CudaImage("kernel(A=1)", "a.ptx", "text"u8.ToArray())));
        Assert.Contains("cuModuleLoadDataEx of kernel(A=1) (a.ptx): CUresult 200\nthe fake driver loads shared libraries only", error.Message);
        driver.ReleaseContext(0);
    }

    [Fact]
    public void What_is_forgotten_is_freed_by_the_finaliser()
    {
        int buffers = FakeCuda.Buffers();
        using var context = new CudaContext(Load(), new FakeCuda.Compiler());
        using CudaStream stream = context.CreateStream();
        Forget(stream);
        for (int i = 0; i < 50 && FakeCuda.Buffers() > buffers; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(buffers, FakeCuda.Buffers());
        Assert.Equal(0, context.HeldBytes);
    }

    [Fact]
    public void Without_a_driver_a_GPU_or_with_an_old_driver_the_reason_is_one_sentence()
    {
        Assert.Null(LibCudaDriver.TryLoad(out string reason, "/nowhere/libcuda.so.1"));
        Assert.Equal("there is no CUDA driver on this machine (/nowhere/libcuda.so.1 cannot be loaded)", reason);
        FakeCuda.SetMode(1);
        Assert.Null(LibCudaDriver.TryLoad(out reason, FakeCuda.Library));
        Assert.Contains("finds no usable GPU (CUDA_ERROR_NO_DEVICE: as the fake driver was told)", reason);
        Assert.Null(LibCudaDriver.TryLoad(out reason, FakeCuda.OldLibrary));
        Assert.Contains("is too old, one of CUDA 11.4 or newer is needed", reason);
    }

    private static LibCudaDriver Load() => LibCudaDriver.TryLoad(out string reason, FakeCuda.Library) ?? throw new InvalidOperationException(reason);

    // Of its own, so that nothing on the test's stack holds the buffer.
    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Forget(CudaStream stream) => stream.Allocate<float>(1000);
}
