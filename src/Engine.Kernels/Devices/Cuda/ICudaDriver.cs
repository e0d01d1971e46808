namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// The calls of the CUDA driver that Engine makes, no more. Handles are the driver's own; who calls keeps them (the classes beside this one wrap them in
/// SafeHandles). A call that fails throws <see cref="CudaException"/> with the call's name. Three implementations: the real one over <c>libcuda.so.1</c>,
/// <see cref="EmulatedCudaDriver"/> on the CPU, and <see cref="RecordingCudaDriver"/>, which wraps either and keeps what was called.
/// </summary>
public unsafe interface ICudaDriver
{
    /// <summary>What it is, with its version.</summary>
    string Name { get; }

    /// <summary>Number of devices.</summary>
    int DeviceCount { get; }

    /// <summary>What device <paramref name="ordinal"/> is.</summary>
    CudaDeviceInfo Describe(int ordinal);

    /// <summary>The device's primary context, made if it is the first.</summary>
    nint RetainContext(int ordinal);

    /// <summary>Gives it back.</summary>
    void ReleaseContext(int ordinal);

    /// <summary>Makes a context the calling thread's; every other call wants this before.</summary>
    void MakeCurrent(nint context);

    /// <summary>Memory of the current device, bytes.</summary>
    (long Free, long Total) MemoryInfo();

    /// <summary>A stream of its own order (non-blocking).</summary>
    nint CreateStream();

    /// <summary>Ends a stream once its work is done.</summary>
    void DestroyStream(nint stream);

    /// <summary>Waits until a stream's work is done.</summary>
    void Synchronize(nint stream);

    /// <summary>An event that keeps the time.</summary>
    nint CreateEvent();

    /// <summary>Ends an event.</summary>
    void DestroyEvent(nint handle);

    /// <summary>Sets an event when the stream comes to this point.</summary>
    void RecordEvent(nint handle, nint stream);

    /// <summary>Lets a stream wait for an event.</summary>
    void WaitEvent(nint stream, nint handle);

    /// <summary>Waits for an event.</summary>
    void SynchronizeEvent(nint handle);

    /// <summary>Time between two events that have happened, ms.</summary>
    float ElapsedMilliseconds(nint first, nint last);

    /// <summary>Device memory in the order of a stream; not cleared.</summary>
    ulong Allocate(long bytes, nint stream);

    /// <summary>Frees in the order of a stream.</summary>
    void Free(ulong address, nint stream);

    /// <summary>Frees at once, after all work of the device.</summary>
    void Free(ulong address);

    /// <summary>Host memory that the device can copy to and from without a detour.</summary>
    nint AllocatePinned(long bytes);

    /// <summary>Frees pinned memory.</summary>
    void FreePinned(nint address);

    /// <summary>Host to device, in the order of a stream; from pageable memory it returns when the source has been read.</summary>
    void CopyToDevice(ulong destination, void* source, long bytes, nint stream);

    /// <summary>Device to host, in the order of a stream; to pageable memory it returns when it is done.</summary>
    void CopyToHost(void* destination, ulong source, long bytes, nint stream);

    /// <summary>Within the device, in the order of a stream.</summary>
    void Copy(ulong destination, ulong source, long bytes, nint stream);

    /// <summary>Sets every byte, in the order of a stream.</summary>
    void Fill(ulong destination, byte value, long bytes, nint stream);

    /// <summary>Loads a compiled module.</summary>
    nint LoadModule(CudaImage image);

    /// <summary>Unloads it.</summary>
    void UnloadModule(nint module);

    /// <summary>A function of a module.</summary>
    nint GetFunction(nint module, string name);

    /// <summary>What a function takes.</summary>
    int GetAttribute(nint function, CudaFunctionAttribute attribute);

    /// <summary>Sets what can be set.</summary>
    void SetAttribute(nint function, CudaFunctionAttribute attribute, int value);

    /// <summary>Blocks of a function that a multiprocessor holds at once.</summary>
    int MaxActiveBlocks(nint function, int threads, int dynamicSharedBytes);

    /// <summary>
    /// Starts a kernel in the order of a stream; the arguments are read before it returns. One that <paramref name="overlaps"/> may begin before the kernel before it has
    /// ended, and waits for that itself.
    /// </summary>
    void Launch(nint function, CudaGrid grid, int threads, int dynamicSharedBytes, nint stream, ReadOnlySpan<CudaArgument> arguments, bool overlaps);

    /// <summary>What the stream is given from now on is recorded, not run.</summary>
    void BeginCapture(nint stream);

    /// <summary>Ends the recording; the graph.</summary>
    nint EndCapture(nint stream);

    /// <summary>A graph made ready to run.</summary>
    nint Instantiate(nint graph);

    /// <summary>Runs one in the order of a stream.</summary>
    void LaunchGraph(nint executable, nint stream);

    /// <summary>Frees a graph.</summary>
    void DestroyGraph(nint graph);

    /// <summary>Frees a graph that was made ready.</summary>
    void DestroyExecutable(nint executable);
}
