using System.Runtime.InteropServices;
using System.Text;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// A driver without a GPU: device memory is host memory, a module is a shared library made from the kernel's own source by <see cref="EmulationCompiler"/>,
/// and a launch runs it at once on the calling thread. Slow; it shows index errors and wrong sums where no GPU is at hand. Memory is filled with NaNs
/// when it is given and fenced, so that reading what was never written and writing outside show. What a module exports stands at the end of
/// <c>engine_emulation.h</c>.
/// </summary>
public sealed unsafe partial class EmulatedCudaDriver : ICudaDriver
{
    private const int Fence = 256;

    /// <summary>NaN in every type, so that what is read outside a buffer or before it is written shows in the result.</summary>
    private const byte FenceByte = 0xFF;


    private readonly Lock _lock = new();
    private readonly Dictionary<nint, Stream> _streams = [];
    private readonly Dictionary<nint, long> _events = [];
    private readonly Dictionary<ulong, long> _memory = [];
    private readonly Dictionary<nint, Module> _modules = [];
    private readonly Dictionary<nint, (Module Module, string Name, byte[] Text)> _functions = [];
    private readonly Dictionary<nint, List<Action>> _graphs = [];
    private long _used;
    private long _next = 1;

    private readonly int _major;

    /// <param name="memoryBytes">What the device pretends to have.</param>
    /// <param name="major">Compute capability that it pretends to have: 8 (Ampere), or 9 (Hopper), for which warp groups and e4m3 are chosen.</param>
    public EmulatedCudaDriver(long memoryBytes = 4L << 30, int major = 8) => (MemoryBytes, _major) = (memoryBytes, major);

    /// <inheritdoc/>
    public string Name => "emulated on the CPU";

    /// <inheritdoc/>
    public int DeviceCount => 1;

    /// <summary>What the device pretends to have.</summary>
    public long MemoryBytes { get; }

    /// <summary>In what order threads and blocks of the launches that follow run; results must not depend on it.</summary>
    public EmulationOrder Order { get; set; }

    /// <summary>Seed of <see cref="EmulationOrder.Shuffled"/>.</summary>
    public ulong OrderSeed { get; set; }

    /// <inheritdoc/>
    public CudaDeviceInfo Describe(int ordinal) => new(0, "emulated device", _major, 0, MemoryBytes, 1, 227 << 10, Pools: true);

    /// <inheritdoc/>
    public nint RetainContext(int ordinal) => New();

    /// <inheritdoc/>
    public void ReleaseContext(int ordinal)
    {
    }

    /// <inheritdoc/>
    public void MakeCurrent(nint context)
    {
    }

    /// <inheritdoc/>
    public (long Free, long Total) MemoryInfo() => (MemoryBytes - _used, MemoryBytes);

    /// <inheritdoc/>
    public nint CreateStream()
    {
        nint handle = New();
        lock (_lock) _streams.Add(handle, new Stream());
        return handle;
    }

    /// <inheritdoc/>
    public void DestroyStream(nint stream)
    {
        lock (_lock) _streams.Remove(stream);
    }

    /// <inheritdoc/>
    public void Synchronize(nint stream) => NotRecording(stream, "cuStreamSynchronize");

    /// <inheritdoc/>
    public nint CreateEvent()
    {
        nint handle = New();
        lock (_lock) _events.Add(handle, 0);
        return handle;
    }

    /// <inheritdoc/>
    public void DestroyEvent(nint handle)
    {
        lock (_lock) _events.Remove(handle);
    }

    /// <inheritdoc/>
    public void RecordEvent(nint handle, nint stream)
    {
        lock (_lock) _events[handle] = System.Diagnostics.Stopwatch.GetTimestamp();
    }

    /// <inheritdoc/>
    public void WaitEvent(nint stream, nint handle)
    {
    }

    /// <inheritdoc/>
    public void SynchronizeEvent(nint handle)
    {
    }

    /// <inheritdoc/>
    public float ElapsedMilliseconds(nint first, nint last)
    {
        lock (_lock) return (float)System.Diagnostics.Stopwatch.GetElapsedTime(_events[first], _events[last]).TotalMilliseconds;
    }

    /// <inheritdoc/>
    public nint AllocatePinned(long bytes) => (nint)NativeMemory.AlignedAlloc((nuint)bytes, Fence);

    /// <inheritdoc/>
    public void FreePinned(nint address) => NativeMemory.AlignedFree((void*)address);

    /// <inheritdoc/>
    public nint LoadModule(CudaImage image)
    {
        nint library = NativeLibrary.Load(image.Path);
        if (!NativeLibrary.TryGetExport(library, "eng_emulate_launch", out nint launch) || !NativeLibrary.TryGetExport(library, "eng_emulate_error", out nint error)
            || !NativeLibrary.TryGetExport(library, "eng_emulate_order", out nint order))
        {
            NativeLibrary.Free(library);
            throw new CudaException("cuModuleLoadData", -1, $"{image.Path} ({image.Name}) does not export eng_emulate_launch; does its source include engine_device.cuh?");
        }

        nint handle = New();
        lock (_lock)
        {
            _modules.Add(
                handle,
                new Module(
                    image.Name, (delegate* unmanaged[Cdecl]<byte*, uint*, uint*, uint, void**, int>)launch, (delegate* unmanaged[Cdecl]<byte*>)error,
                    (delegate* unmanaged[Cdecl]<int, ulong, void>)order));
        }

        return handle;
    }

    /// <inheritdoc/>
    public void UnloadModule(nint module)
    {
        lock (_lock)
        {
            // The library stays: other threads may be on their way through it, and a few kilobytes are no loss.
            _modules.Remove(module);
        }
    }

    /// <inheritdoc/>
    public nint GetFunction(nint module, string name)
    {
        nint handle = New();
        lock (_lock) _functions.Add(handle, (_modules[module], name, Encoding.UTF8.GetBytes(name + '\0')));
        return handle;
    }

    /// <inheritdoc/>
    public int GetAttribute(nint function, CudaFunctionAttribute attribute) => attribute == CudaFunctionAttribute.MaxThreadsPerBlock ? 1024 : 0;

    /// <inheritdoc/>
    public void SetAttribute(nint function, CudaFunctionAttribute attribute, int value)
    {
    }

    /// <inheritdoc/>
    public int MaxActiveBlocks(nint function, int threads, int dynamicSharedBytes) => 1;

    private nint New() => (nint)Interlocked.Increment(ref _next);

    private sealed class Stream
    {
        public List<Action>? Recording { get; set; }
    }

    private sealed class Module(
        string name, delegate* unmanaged[Cdecl]<byte*, uint*, uint*, uint, void**, int> launch, delegate* unmanaged[Cdecl]<byte*> error,
        delegate* unmanaged[Cdecl]<int, ulong, void> setOrder)
    {
        public void Launch(byte[] function, CudaGrid grid, int threads, int shared, CudaArgument[] arguments, EmulationOrder order, ulong seed)
        {
            void** slots = stackalloc void*[arguments.Length + 1];
            uint* blocks = stackalloc uint[] { (uint)grid.X, (uint)grid.Y, (uint)grid.Z };
            uint* block = stackalloc uint[] { (uint)threads, 1, 1 };
            fixed (CudaArgument* values = arguments)
            fixed (byte* characters = function)
            {
                for (int i = 0; i < arguments.Length; i++) slots[i] = values + i;
                setOrder((int)order, seed);
                int status = launch(characters, blocks, block, (uint)shared, slots);
                if (status != 0) throw new CudaException("cuLaunchKernel", status, $"{name}: {Marshal.PtrToStringUTF8((nint)error())}");
            }
        }
    }
}
