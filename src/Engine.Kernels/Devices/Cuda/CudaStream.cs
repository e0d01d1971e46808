namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// Work for a device in one order. Operations take a stream and device memory and return before the work is done. Not for several threads at once.
/// </summary>
public sealed unsafe class CudaStream : IDisposable
{
    private readonly CudaHandle _handle;

    // While a capture is rehearsed: the kernels that it asks for; nothing is done.
    private HashSet<CudaKernel>? _rehearsed;

    internal CudaStream(CudaContext context, CudaHandle handle)
    {
        Context = context;
        _handle = handle;
    }

    /// <summary>The device that it belongs to.</summary>
    public CudaContext Context { get; }

    /// <summary>Allocates memory for <paramref name="length"/> elements; not cleared.</summary>
    /// <exception cref="OutOfMemoryException">The device has no room; the message says how much was asked and held. The device stays usable.</exception>
    public DeviceBuffer<T> Allocate<T>(long length)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        long bytes = checked(Math.Max(length, 1) * sizeof(T));
        return new DeviceBuffer<T>(this, Context.AllocateMemory(bytes, _handle), length);
    }

    /// <summary>Allocates memory and copies <paramref name="values"/> there.</summary>
    public DeviceBuffer<T> Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        DeviceBuffer<T> buffer = Allocate<T>(values.Length);
        Upload(values, buffer.Span);
        return buffer;
    }

    /// <summary>Copies to the device; the source may be changed afterwards, unless it is pinned.</summary>
    public void Upload<T>(ReadOnlySpan<T> values, DeviceSpan<T> destination)
        where T : unmanaged
    {
        destination.Require(values.Length, nameof(destination), "as many as values");
        if (values.IsEmpty) return;
        fixed (T* from = values) Context.Current().CopyToDevice(destination.Address, from, (long)values.Length * sizeof(T), _handle.Value);
    }

    /// <summary>Copies to the host and waits for it.</summary>
    public void Download<T>(DeviceSpan<T> source, Span<T> values)
        where T : unmanaged
    {
        source.Require(values.Length, nameof(source), "as many as values");
        if (!values.IsEmpty)
        {
            fixed (T* to = values) Context.Current().CopyToHost(to, source.Address, (long)values.Length * sizeof(T), _handle.Value);
        }

        Synchronize();
    }

    /// <summary>Copies to pinned memory without waiting.</summary>
    public void Download<T>(DeviceSpan<T> source, PinnedBuffer<T> destination)
        where T : unmanaged
    {
        if (source.Length > destination.Length)
            throw new ArgumentException($"destination must hold {source.Length} elements, it holds {destination.Length}.", nameof(destination));
        if (_rehearsed is not null) return;
        fixed (T* to = destination.Span) Context.Current().CopyToHost(to, source.Address, source.Length * sizeof(T), _handle.Value);
    }

    /// <summary>Copies within the device.</summary>
    public void Copy<T>(DeviceSpan<T> source, DeviceSpan<T> destination)
        where T : unmanaged
    {
        destination.Require(source.Length, nameof(destination), "as many as source");
        if (source.Length > 0 && _rehearsed is null) Context.Current().Copy(destination.Address, source.Address, source.Length * sizeof(T), _handle.Value);
    }

    /// <summary>Sets every byte to zero.</summary>
    public void Clear<T>(DeviceSpan<T> span)
        where T : unmanaged
    {
        if (span.Length > 0 && _rehearsed is null) Context.Current().Fill(span.Address, 0, span.Length * sizeof(T), _handle.Value);
    }

    /// <summary>Compiles and loads the kernel at its first use and starts it.</summary>
    /// <param name="kernel">Which specialisation.</param>
    /// <param name="grid">Blocks; with none, nothing happens.</param>
    /// <param name="arguments">In the order of the kernel's parameters, of their types.</param>
    /// <exception cref="CudaException">It cannot be compiled, loaded or started; the message names it with its constants and the grid.</exception>
    public void Launch(CudaKernel kernel, CudaGrid grid, params ReadOnlySpan<CudaArgument> arguments)
    {
        if (grid.X == 0 || grid.Y == 0 || grid.Z == 0) return;
        if (_rehearsed is not null)
        {
            _rehearsed.Add(kernel);
            return;
        }

        nint function = Context.Function(kernel);
        try
        {
            Context.Current().Launch(function, grid, kernel.ThreadsPerBlock, kernel.DynamicSharedBytes, _handle.Value, arguments, kernel.Overlaps && Context.Features.Overlap);
        }
        catch (CudaException error)
        {
            throw new CudaException(
                error.Call, error.Status,
                $"{kernel} on {grid} blocks of {kernel.ThreadsPerBlock} threads with {kernel.DynamicSharedBytes} bytes of dynamic shared memory: {error.Message}", error);
        }
    }

    /// <summary>
    /// Records what <paramref name="work"/> gives this stream instead of running it; allocation, waiting and copies from the host are not possible meanwhile. It is called
    /// twice: first to see which kernels it asks for, as none can be loaded while the stream records.
    /// </summary>
    public CudaGraph Capture(Action work)
    {
        try
        {
            _rehearsed = [];
            work();
            Context.Prepare(_rehearsed);
        }
        finally
        {
            _rehearsed = null;
        }

        ICudaDriver driver = Context.Current();
        driver.BeginCapture(_handle.Value);
        bool done = false;
        nint graph;
        try
        {
            work();
            done = true;
        }
        finally
        {
            // Whatever happened, the stream must leave the recording.
            try
            {
                graph = driver.EndCapture(_handle.Value);
            }
            catch (CudaException) when (!done)
            {
                graph = 0;
            }

            if (!done && graph != 0) driver.DestroyGraph(graph);
        }

        try
        {
            return new CudaGraph(Context.Own(driver.Instantiate(graph), static (end, handle) => end.DestroyExecutable(handle)));
        }
        finally
        {
            driver.DestroyGraph(graph);
        }
    }

    /// <summary>Runs recorded work.</summary>
    public void Launch(CudaGraph graph) => Context.Current().LaunchGraph(graph.Handle.Value, _handle.Value);

    /// <summary>Sets an event when the stream comes to this point.</summary>
    public void Record(CudaEvent point) => Context.Current().RecordEvent(point.Handle.Value, _handle.Value);

    /// <summary>Lets the work that follows wait for an event of another stream.</summary>
    public void Wait(CudaEvent point) => Context.Current().WaitEvent(_handle.Value, point.Handle.Value);

    /// <summary>Waits until the work is done; an error of a kernel shows here.</summary>
    public void Synchronize() => Context.Current().Synchronize(_handle.Value);

    /// <summary>Ends it once its work is done.</summary>
    public void Dispose() => _handle.Dispose();

    /// <summary>Whether a capture is rehearsed: nothing may be done.</summary>
    internal bool IsRehearsing => _rehearsed is not null;

    /// <summary>The driver's handle, for libraries that work in the order of a stream.</summary>
    internal nint Handle => _handle.Value;

    internal void Free(CudaHandle memory) => Context.FreeMemory(memory, _handle);
}
