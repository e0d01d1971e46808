using System.Collections.Concurrent;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// One device in use: makes streams, events and memory, compiles and loads kernels and keeps them. For several threads at once; everything made by it
/// must be disposed before it, or is left to the finaliser.
/// </summary>
public sealed class CudaContext : IDisposable
{
    private readonly ICudaDriver _driver;
    private readonly ICudaCompiler _compiler;
    private readonly CudaHandle _context;
    private readonly ConcurrentDictionary<string, Lazy<CudaHandle>> _modules = new();
    private readonly ConcurrentDictionary<CudaKernel, nint> _functions = new();
    private long _held;

    /// <summary>Opens device <paramref name="ordinal"/>.</summary>
    /// <exception cref="CudaException">There is no such device, or it is too old.</exception>
    public CudaContext(ICudaDriver driver, ICudaCompiler compiler, int ordinal = 0)
    {
        if (ordinal < 0 || ordinal >= driver.DeviceCount)
            throw new CudaException("cuDeviceGet", -1, $"there is no CUDA device {ordinal}; {driver.Name} has {driver.DeviceCount}.");
        _driver = driver;
        _compiler = compiler;
        Device = driver.Describe(ordinal);
        if (!Device.Supported)
        {
            throw new CudaException(
                "cuDeviceGetAttribute", -1, $"{Device.Name} has compute capability {Device.Major}.{Device.Minor}; 8.0 (Ampere) or newer is needed.");
        }

        Features = CudaFeatures.Of(Device, Environment.GetEnvironmentVariable(CudaFeatures.Variable));
        _context = new CudaHandle(driver.RetainContext(ordinal), _ => driver.ReleaseContext(ordinal));
    }

    /// <summary>What the device is.</summary>
    public CudaDeviceInfo Device { get; }

    /// <summary>What of it is made use of.</summary>
    public CudaFeatures Features { get; init; }

    /// <summary>The driver's name and version.</summary>
    public string DriverName => _driver.Name;

    /// <summary>Device memory that buffers of this context hold now, bytes.</summary>
    public long HeldBytes => Interlocked.Read(ref _held);

    /// <summary>A stream.</summary>
    public CudaStream CreateStream() => new(this, Own(Current().CreateStream(), static (driver, handle) => driver.DestroyStream(handle)));

    /// <summary>An event.</summary>
    public CudaEvent CreateEvent() => new(this, Own(Current().CreateEvent(), static (driver, handle) => driver.DestroyEvent(handle)));

    /// <summary>Pinned host memory.</summary>
    public unsafe PinnedBuffer<T> AllocatePinned<T>(int length)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        nint address = Current().AllocatePinned(checked((long)Math.Max(length, 1) * sizeof(T)));
        return new PinnedBuffer<T>(Own(address, static (driver, handle) => driver.FreePinned(handle)), length);
    }

    /// <summary>Compiles, several at a time, and loads kernels before their first use.</summary>
    /// <exception cref="CudaException">One of them cannot be compiled or loaded.</exception>
    public void Prepare(IReadOnlyCollection<CudaKernel> kernels)
    {
        CudaKernel[] modules = [.. kernels.Where(kernel => !_functions.ContainsKey(kernel)).DistinctBy(kernel => kernel.Module)];
        try
        {
            Parallel.ForEach(modules, kernel => _compiler.Compile(kernel, Device.Architecture));
        }
        catch (AggregateException error)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(error.InnerExceptions[0]);
        }

        foreach (CudaKernel kernel in kernels) Function(kernel);
    }

    /// <summary>What the driver says of a kernel, loading it if need be.</summary>
    public int Attribute(CudaKernel kernel, CudaFunctionAttribute attribute)
    {
        nint function = Function(kernel);
        return Current().GetAttribute(function, attribute);
    }

    /// <summary>Blocks of a kernel that a multiprocessor holds at once.</summary>
    public int MaxActiveBlocks(CudaKernel kernel)
    {
        nint function = Function(kernel);
        return Current().MaxActiveBlocks(function, kernel.ThreadsPerBlock, kernel.DynamicSharedBytes);
    }

    /// <summary>Unloads the kernels and leaves the device.</summary>
    public void Dispose()
    {
        foreach (Lazy<CudaHandle> module in _modules.Values)
        {
            if (module.IsValueCreated) module.Value.Dispose();
        }

        _modules.Clear();
        _functions.Clear();
        _context.Dispose();
    }

    /// <summary>The driver, with this context made the thread's.</summary>
    internal ICudaDriver Current()
    {
        _driver.MakeCurrent(_context.Value);
        return _driver;
    }

    internal CudaHandle Own(nint handle, Action<ICudaDriver, nint> end, CudaHandle? parent = null)
    {
        nint context = _context.Value;
        return new CudaHandle(handle, value =>
        {
            _driver.MakeCurrent(context);
            end(_driver, value);
        }, parent ?? _context);
    }

    internal CudaHandle AllocateMemory(long bytes, CudaHandle stream)
    {
        ICudaDriver driver = Current();
        try
        {
            ulong address = driver.Allocate(bytes, stream.Value);
            Interlocked.Add(ref _held, bytes);
            nint context = _context.Value;
            return new CudaHandle((nint)address, value =>
            {
                Interlocked.Add(ref _held, -bytes);
                _driver.MakeCurrent(context);
                // From a finaliser the stream may be recording: free beside all streams.
                if (t_freeing is { } order) _driver.Free((ulong)value, order);
                else _driver.Free((ulong)value);
            }, stream);
        }
        catch (CudaException error) when (error.Status == CudaException.OutOfMemory)
        {
            var (free, total) = driver.MemoryInfo();
            throw new OutOfMemoryException(
                $"{Device.Name} has no room for {Megabytes(bytes)}: {Megabytes(HeldBytes)} are held here, {Megabytes(free)} of {Megabytes(total)} are free. "
                + "Take fewer environments, a shorter window or another device.", error);
        }
    }

    internal void FreeMemory(CudaHandle memory, CudaHandle stream)
    {
        t_freeing = stream.IsClosed ? null : stream.Value;
        memory.Dispose();
        t_freeing = null;
    }

    internal nint Function(CudaKernel kernel) => _functions.GetOrAdd(kernel, Load);

    [ThreadStatic]
    private static nint? t_freeing;

    private static string Megabytes(long bytes) => FormattableString.Invariant($"{bytes / 1048576.0:0.#} MiB");

    private nint Load(CudaKernel kernel)
    {
        CudaHandle module = _modules.GetOrAdd(kernel.Module, _ => new Lazy<CudaHandle>(() =>
        {
            CudaImage image = _compiler.Compile(kernel, Device.Architecture);
            return Own(Current().LoadModule(image), static (driver, handle) => driver.UnloadModule(handle));
        })).Value;
        ICudaDriver driver = Current();
        nint function = driver.GetFunction(module.Value, kernel.Function);
        if (kernel.DynamicSharedBytes > Device.SharedBytesPerBlock)
        {
            throw new CudaException(
                "cuFuncSetAttribute", -1,
                $"{kernel} wants {kernel.DynamicSharedBytes} bytes of dynamic shared memory a block, {Device.Name} gives {Device.SharedBytesPerBlock} at most.");
        }

        // Above 48 KiB a function has to say so.
        if (kernel.DynamicSharedBytes > 48 << 10) driver.SetAttribute(function, CudaFunctionAttribute.MaxDynamicSharedBytes, kernel.DynamicSharedBytes);
        return function;
    }
}
