namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// Passes every call on to another driver and keeps what was called, in order: launches with their geometry, allocations with their size, the capture
/// of graphs. For tests of what a GPU would be asked.
/// </summary>
/// <param name="driver">Does the work.</param>
public sealed unsafe class RecordingCudaDriver(ICudaDriver driver) : ICudaDriver
{
    private readonly Lock _lock = new();
    private readonly List<CudaCall> _calls = [];
    private readonly Dictionary<nint, string> _functions = [];

    /// <summary>The calls so far.</summary>
    public IReadOnlyList<CudaCall> Calls
    {
        get
        {
            lock (_lock) return [.. _calls];
        }
    }

    /// <inheritdoc/>
    public string Name => driver.Name;

    /// <inheritdoc/>
    public int DeviceCount => driver.DeviceCount;

    /// <summary>Forgets the calls so far.</summary>
    public void Forget()
    {
        lock (_lock) _calls.Clear();
    }

    /// <inheritdoc/>
    public CudaDeviceInfo Describe(int ordinal) => driver.Describe(ordinal);

    /// <inheritdoc/>
    public nint RetainContext(int ordinal)
    {
        Keep("cuDevicePrimaryCtxRetain");
        return driver.RetainContext(ordinal);
    }

    /// <inheritdoc/>
    public void ReleaseContext(int ordinal)
    {
        Keep("cuDevicePrimaryCtxRelease");
        driver.ReleaseContext(ordinal);
    }

    /// <inheritdoc/>
    public void MakeCurrent(nint context) => driver.MakeCurrent(context);

    /// <inheritdoc/>
    public (long Free, long Total) MemoryInfo() => driver.MemoryInfo();

    /// <inheritdoc/>
    public nint CreateStream()
    {
        Keep("cuStreamCreate");
        return driver.CreateStream();
    }

    /// <inheritdoc/>
    public void DestroyStream(nint stream)
    {
        Keep("cuStreamDestroy");
        driver.DestroyStream(stream);
    }

    /// <inheritdoc/>
    public void Synchronize(nint stream)
    {
        Keep("cuStreamSynchronize");
        driver.Synchronize(stream);
    }

    /// <inheritdoc/>
    public nint CreateEvent() => driver.CreateEvent();

    /// <inheritdoc/>
    public void DestroyEvent(nint handle) => driver.DestroyEvent(handle);

    /// <inheritdoc/>
    public void RecordEvent(nint handle, nint stream)
    {
        Keep("cuEventRecord");
        driver.RecordEvent(handle, stream);
    }

    /// <inheritdoc/>
    public void WaitEvent(nint stream, nint handle)
    {
        Keep("cuStreamWaitEvent");
        driver.WaitEvent(stream, handle);
    }

    /// <inheritdoc/>
    public void SynchronizeEvent(nint handle) => driver.SynchronizeEvent(handle);

    /// <inheritdoc/>
    public float ElapsedMilliseconds(nint first, nint last) => driver.ElapsedMilliseconds(first, last);

    /// <inheritdoc/>
    public ulong Allocate(long bytes, nint stream)
    {
        Keep("cuMemAllocAsync", bytes: bytes);
        return driver.Allocate(bytes, stream);
    }

    /// <inheritdoc/>
    public void Free(ulong address, nint stream)
    {
        Keep("cuMemFreeAsync");
        driver.Free(address, stream);
    }

    /// <inheritdoc/>
    public void Free(ulong address)
    {
        Keep("cuMemFree");
        driver.Free(address);
    }

    /// <inheritdoc/>
    public nint AllocatePinned(long bytes)
    {
        Keep("cuMemHostAlloc", bytes: bytes);
        return driver.AllocatePinned(bytes);
    }

    /// <inheritdoc/>
    public void FreePinned(nint address)
    {
        Keep("cuMemFreeHost");
        driver.FreePinned(address);
    }

    /// <inheritdoc/>
    public void CopyToDevice(ulong destination, void* source, long bytes, nint stream)
    {
        Keep("cuMemcpyHtoDAsync", bytes: bytes);
        driver.CopyToDevice(destination, source, bytes, stream);
    }

    /// <inheritdoc/>
    public void CopyToHost(void* destination, ulong source, long bytes, nint stream)
    {
        Keep("cuMemcpyDtoHAsync", bytes: bytes);
        driver.CopyToHost(destination, source, bytes, stream);
    }

    /// <inheritdoc/>
    public void Copy(ulong destination, ulong source, long bytes, nint stream)
    {
        Keep("cuMemcpyDtoDAsync", bytes: bytes);
        driver.Copy(destination, source, bytes, stream);
    }

    /// <inheritdoc/>
    public void Fill(ulong destination, byte value, long bytes, nint stream)
    {
        Keep("cuMemsetD8Async", bytes: bytes);
        driver.Fill(destination, value, bytes, stream);
    }

    /// <inheritdoc/>
    public nint LoadModule(CudaImage image)
    {
        Keep("cuModuleLoadData", image.Name);
        return driver.LoadModule(image);
    }

    /// <inheritdoc/>
    public void UnloadModule(nint module)
    {
        Keep("cuModuleUnload");
        driver.UnloadModule(module);
    }

    /// <inheritdoc/>
    public nint GetFunction(nint module, string name)
    {
        nint function = driver.GetFunction(module, name);
        lock (_lock) _functions[function] = name;
        return function;
    }

    /// <inheritdoc/>
    public int GetAttribute(nint function, CudaFunctionAttribute attribute) => driver.GetAttribute(function, attribute);

    /// <inheritdoc/>
    public void SetAttribute(nint function, CudaFunctionAttribute attribute, int value)
    {
        Keep("cuFuncSetAttribute", _functions[function], bytes: value);
        driver.SetAttribute(function, attribute, value);
    }

    /// <inheritdoc/>
    public int MaxActiveBlocks(nint function, int threads, int dynamicSharedBytes) => driver.MaxActiveBlocks(function, threads, dynamicSharedBytes);

    /// <inheritdoc/>
    public void Launch(nint function, CudaGrid grid, int threads, int dynamicSharedBytes, nint stream, ReadOnlySpan<CudaArgument> arguments, bool overlaps)
    {
        Keep(overlaps ? "cuLaunchKernelEx" : "cuLaunchKernel", _functions[function], grid, threads, dynamicSharedBytes);
        driver.Launch(function, grid, threads, dynamicSharedBytes, stream, arguments, overlaps);
    }

    /// <inheritdoc/>
    public void BeginCapture(nint stream)
    {
        Keep("cuStreamBeginCapture");
        driver.BeginCapture(stream);
    }

    /// <inheritdoc/>
    public nint EndCapture(nint stream)
    {
        Keep("cuStreamEndCapture");
        return driver.EndCapture(stream);
    }

    /// <inheritdoc/>
    public nint Instantiate(nint graph)
    {
        Keep("cuGraphInstantiate");
        return driver.Instantiate(graph);
    }

    /// <inheritdoc/>
    public void LaunchGraph(nint executable, nint stream)
    {
        Keep("cuGraphLaunch");
        driver.LaunchGraph(executable, stream);
    }

    /// <inheritdoc/>
    public void DestroyGraph(nint graph) => driver.DestroyGraph(graph);

    /// <inheritdoc/>
    public void DestroyExecutable(nint executable) => driver.DestroyExecutable(executable);

    private void Keep(string call, string target = "", CudaGrid grid = default, int threads = 0, long bytes = 0)
    {
        lock (_lock) _calls.Add(new CudaCall(call, target, grid, threads, bytes));
    }
}
