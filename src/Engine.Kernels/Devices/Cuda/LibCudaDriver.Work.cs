using Engine.Kernels.Interop;

namespace Engine.Kernels.Devices.Cuda;

public sealed unsafe partial class LibCudaDriver
{
    private const uint NonBlocking = 1;
    private const int ThreadLocal = 1;

    /// <inheritdoc/>
    public nint CreateStream()
    {
        nint stream = 0;
        Require(_cuda.StreamCreate(&stream, NonBlocking), "cuStreamCreate");
        return stream;
    }

    /// <inheritdoc/>
    public void DestroyStream(nint stream) => Require(_cuda.StreamDestroy(stream), "cuStreamDestroy");

    /// <inheritdoc/>
    public void Synchronize(nint stream) => Require(_cuda.StreamSynchronize(stream), "cuStreamSynchronize");

    /// <inheritdoc/>
    public nint CreateEvent()
    {
        nint created = 0;
        Require(_cuda.EventCreate(&created, 0), "cuEventCreate");
        return created;
    }

    /// <inheritdoc/>
    public void DestroyEvent(nint handle) => Require(_cuda.EventDestroy(handle), "cuEventDestroy");

    /// <inheritdoc/>
    public void RecordEvent(nint handle, nint stream) => Require(_cuda.EventRecord(handle, stream), "cuEventRecord");

    /// <inheritdoc/>
    public void WaitEvent(nint stream, nint handle) => Require(_cuda.StreamWaitEvent(stream, handle, 0), "cuStreamWaitEvent");

    /// <inheritdoc/>
    public void SynchronizeEvent(nint handle) => Require(_cuda.EventSynchronize(handle), "cuEventSynchronize");

    /// <inheritdoc/>
    public float ElapsedMilliseconds(nint first, nint last)
    {
        float milliseconds = 0;
        Require(_cuda.EventElapsedTime(&milliseconds, first, last), "cuEventElapsedTime");
        return milliseconds;
    }

    /// <inheritdoc/>
    public ulong Allocate(long bytes, nint stream)
    {
        ulong address = 0;
        if (_pools) Require(_cuda.MemAllocAsync(&address, (nuint)bytes, stream), "cuMemAllocAsync", bytes);
        else Require(_cuda.MemAlloc(&address, (nuint)bytes), "cuMemAlloc", bytes);
        return address;
    }

    /// <inheritdoc/>
    public void Free(ulong address, nint stream)
    {
        if (_pools)
        {
            Require(_cuda.MemFreeAsync(address, stream), "cuMemFreeAsync");
            return;
        }

        Synchronize(stream);
        Free(address);
    }

    /// <inheritdoc/>
    public void Free(ulong address) => Require(_cuda.MemFree(address), "cuMemFree");

    /// <inheritdoc/>
    public nint AllocatePinned(long bytes)
    {
        nint address = 0;
        Require(_cuda.MemHostAlloc(&address, (nuint)bytes, 0), "cuMemHostAlloc", bytes);
        return address;
    }

    /// <inheritdoc/>
    public void FreePinned(nint address) => Require(_cuda.MemFreeHost(address), "cuMemFreeHost");

    /// <inheritdoc/>
    public void CopyToDevice(ulong destination, void* source, long bytes, nint stream) =>
        Require(_cuda.MemcpyHtoDAsync(destination, source, (nuint)bytes, stream), "cuMemcpyHtoDAsync", bytes);

    /// <inheritdoc/>
    public void CopyToHost(void* destination, ulong source, long bytes, nint stream) =>
        Require(_cuda.MemcpyDtoHAsync(destination, source, (nuint)bytes, stream), "cuMemcpyDtoHAsync", bytes);

    /// <inheritdoc/>
    public void Copy(ulong destination, ulong source, long bytes, nint stream) =>
        Require(_cuda.MemcpyDtoDAsync(destination, source, (nuint)bytes, stream), "cuMemcpyDtoDAsync", bytes);

    /// <inheritdoc/>
    public void Fill(ulong destination, byte value, long bytes, nint stream) =>
        Require(_cuda.MemsetD8Async(destination, value, (nuint)bytes, stream), "cuMemsetD8Async", bytes);

    /// <inheritdoc/>
    public void Launch(nint function, CudaGrid grid, int threads, int dynamicSharedBytes, nint stream, ReadOnlySpan<CudaArgument> arguments, bool overlaps)
    {
        void** slots = stackalloc void*[arguments.Length + 1];
        fixed (CudaArgument* values = arguments)
        {
            for (int i = 0; i < arguments.Length; i++) slots[i] = values + i;
            slots[arguments.Length] = null;
            if (overlaps && _overlaps)
            {
                var attribute = new CudaLibrary.LaunchAttribute { Id = CudaLibrary.LaunchAttribute.ProgrammaticStreamSerialization, Value = 1 };
                var configuration = new CudaLibrary.LaunchConfiguration
                {
                    GridX = (uint)grid.X,
                    GridY = (uint)grid.Y,
                    GridZ = (uint)grid.Z,
                    BlockX = (uint)threads,
                    BlockY = 1,
                    BlockZ = 1,
                    SharedBytes = (uint)dynamicSharedBytes,
                    Stream = stream,
                    Attributes = &attribute,
                    AttributeCount = 1,
                };
                Require(_cuda.LaunchKernelEx(&configuration, function, slots, null), "cuLaunchKernelEx");
                return;
            }

            Require(
                _cuda.LaunchKernel(function, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)threads, 1, 1, (uint)dynamicSharedBytes, stream, slots, null),
                "cuLaunchKernel");
        }
    }

    /// <inheritdoc/>
    /// <remarks>Of this thread only: a finaliser may free memory meanwhile.</remarks>
    public void BeginCapture(nint stream) => Require(_cuda.StreamBeginCapture(stream, ThreadLocal), "cuStreamBeginCapture");

    /// <inheritdoc/>
    public nint EndCapture(nint stream)
    {
        nint graph = 0;
        Require(_cuda.StreamEndCapture(stream, &graph), "cuStreamEndCapture");
        return graph;
    }

    /// <inheritdoc/>
    public nint Instantiate(nint graph)
    {
        nint executable = 0;
        Require(_cuda.GraphInstantiate(&executable, graph, 0), "cuGraphInstantiate");
        return executable;
    }

    /// <inheritdoc/>
    public void LaunchGraph(nint executable, nint stream) => Require(_cuda.GraphLaunch(executable, stream), "cuGraphLaunch");

    /// <inheritdoc/>
    public void DestroyGraph(nint graph) => Require(_cuda.GraphDestroy(graph), "cuGraphDestroy");

    /// <inheritdoc/>
    public void DestroyExecutable(nint executable) => Require(_cuda.GraphExecDestroy(executable), "cuGraphExecDestroy");
}
