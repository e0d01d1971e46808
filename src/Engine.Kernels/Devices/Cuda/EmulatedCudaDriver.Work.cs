using System.Runtime.InteropServices;

namespace Engine.Kernels.Devices.Cuda;

public sealed unsafe partial class EmulatedCudaDriver
{
    /// <inheritdoc/>
    public ulong Allocate(long bytes, nint stream)
    {
        NotRecording(stream, "cuMemAllocAsync");
        lock (_lock)
        {
            if (bytes > MemoryBytes - _used) throw new CudaException("cuMemAllocAsync", CudaException.OutOfMemory, $"cuMemAllocAsync of {bytes} bytes: out of memory");
            _used += bytes;
        }

        var start = (byte*)NativeMemory.AlignedAlloc((nuint)(bytes + 2 * Fence), Fence);
        NativeMemory.Fill(start, (nuint)(bytes + 2 * Fence), FenceByte);
        ulong address = (ulong)(start + Fence);
        lock (_lock) _memory.Add(address, bytes);
        return address;
    }

    /// <inheritdoc/>
    public void Free(ulong address, nint stream)
    {
        NotRecording(stream, "cuMemFreeAsync");
        Free(address);
    }

    /// <inheritdoc/>
    public void Free(ulong address)
    {
        lock (_lock)
        {
            if (!_memory.Remove(address, out long bytes)) throw new CudaException("cuMemFreeAsync", 1, $"cuMemFreeAsync: 0x{address:x} was not allocated, or is free already");
            _used -= bytes;
        }

        NativeMemory.AlignedFree((byte*)address - Fence);
    }

    /// <inheritdoc/>
    public void CopyToDevice(ulong destination, void* source, long bytes, nint stream)
    {
        Within("cuMemcpyHtoDAsync", destination, bytes);
        Move((nint)source, (nint)destination, bytes, stream);
    }

    /// <inheritdoc/>
    public void CopyToHost(void* destination, ulong source, long bytes, nint stream)
    {
        Within("cuMemcpyDtoHAsync", source, bytes);
        Move((nint)source, (nint)destination, bytes, stream);
    }

    /// <inheritdoc/>
    public void Copy(ulong destination, ulong source, long bytes, nint stream)
    {
        Within("cuMemcpyDtoDAsync", source, bytes);
        Within("cuMemcpyDtoDAsync", destination, bytes);
        Move((nint)source, (nint)destination, bytes, stream);
    }

    /// <inheritdoc/>
    public void Fill(ulong destination, byte value, long bytes, nint stream)
    {
        Within("cuMemsetD8Async", destination, bytes);
        Do(stream, () => NativeMemory.Fill((void*)destination, (nuint)bytes, value));
    }

    /// <inheritdoc/>
    public void Launch(nint function, CudaGrid grid, int threads, int dynamicSharedBytes, nint stream, ReadOnlySpan<CudaArgument> arguments, bool overlaps)
    {
        if (grid.X < 1 || grid.Y is < 1 or > 65535 || grid.Z is < 1 or > 65535 || threads is < 1 or > 1024)
            throw new CudaException("cuLaunchKernel", 1, $"{grid} blocks of {threads} threads are not a launch (1 … 2147483647 × 65535 × 65535, 1 … 1024)");
        (Module Module, string Name, byte[] Text) target;
        lock (_lock) target = _functions[function];
        CudaArgument[] kept = arguments.ToArray();
        Do(stream, () =>
        {
            target.Module.Launch(target.Text, grid, threads, dynamicSharedBytes, kept, Order, OrderSeed);
            CheckFences(target.Name);
        });
    }

    /// <inheritdoc/>
    public void BeginCapture(nint stream)
    {
        NotRecording(stream, "cuStreamBeginCapture");
        lock (_lock) _streams[stream].Recording = [];
    }

    /// <inheritdoc/>
    public nint EndCapture(nint stream)
    {
        nint handle = New();
        lock (_lock)
        {
            List<Action> recorded = _streams[stream].Recording ?? throw new CudaException("cuStreamEndCapture", 400, "cuStreamEndCapture: the stream is not recording");
            _streams[stream].Recording = null;
            _graphs.Add(handle, recorded);
        }

        return handle;
    }

    /// <inheritdoc/>
    public nint Instantiate(nint graph)
    {
        nint handle = New();
        lock (_lock) _graphs.Add(handle, [.. _graphs[graph]]);
        return handle;
    }

    /// <inheritdoc/>
    public void LaunchGraph(nint executable, nint stream)
    {
        NotRecording(stream, "cuGraphLaunch");
        List<Action> work;
        lock (_lock) work = _graphs[executable];
        foreach (Action step in work) step();
    }

    /// <inheritdoc/>
    public void DestroyGraph(nint graph)
    {
        lock (_lock) _graphs.Remove(graph);
    }

    /// <inheritdoc/>
    public void DestroyExecutable(nint executable) => DestroyGraph(executable);

    /// <summary>What a kernel wrote outside its buffers shows at once, and is put right so that the next kernel is not blamed.</summary>
    private void CheckFences(string kernel)
    {
        lock (_lock)
        {
            foreach (var (address, bytes) in _memory)
            {
                Span<byte> before = new((byte*)address - Fence, Fence), behind = new((byte*)address + bytes, Fence);
                int early = before.IndexOfAnyExcept(FenceByte), late = behind.IndexOfAnyExcept(FenceByte);
                if (early < 0 && late < 0) continue;
                before.Fill(FenceByte);
                behind.Fill(FenceByte);
                throw new CudaException("cuLaunchKernel", 700, $"{kernel} wrote {(late < 0 ? $"{Fence - early} bytes before" : $"{late} bytes behind")} a buffer of {bytes} bytes (illegal address)");
            }
        }
    }

    /// <summary>Copies now, without managed memory so that a step's own can be counted, or keeps the copy for the graph that the stream records.</summary>
    private void Move(nint from, nint to, long bytes, nint stream)
    {
        if (Recording(stream) is { } recording) Keep(recording, from, to, bytes);
        else NativeMemory.Copy((void*)from, (void*)to, (nuint)bytes);

        static void Keep(List<Action> recording, nint from, nint to, long bytes) => recording.Add(() => NativeMemory.Copy((void*)from, (void*)to, (nuint)bytes));
    }

    private void Do(nint stream, Action work)
    {
        if (Recording(stream) is { } recording) recording.Add(work);
        else work();
    }

    private List<Action>? Recording(nint stream)
    {
        lock (_lock) return _streams[stream].Recording;
    }

    private void NotRecording(nint stream, string call)
    {
        lock (_lock)
        {
            if (_streams.TryGetValue(stream, out Stream? found) && found.Recording is not null)
                throw new CudaException(call, 900, $"{call}: the stream is recording a graph, which cannot hold this");
        }
    }

    /// <summary>A copy must lie within one allocation, as the driver would see.</summary>
    private void Within(string call, ulong address, long bytes)
    {
        lock (_lock)
        {
            foreach (var (start, length) in _memory)
            {
                if (address >= start && address - start + (ulong)bytes <= (ulong)length) return;
            }
        }

        throw new CudaException(call, 1, $"{call}: {bytes} bytes at 0x{address:x} are not within one allocation");
    }
}
