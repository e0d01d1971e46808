namespace Engine.Kernels.Devices.Cuda;

/// <summary>A point in the work of a stream, with its time.</summary>
public sealed class CudaEvent : IDisposable
{
    private readonly CudaContext _context;

    internal CudaEvent(CudaContext context, CudaHandle handle)
    {
        _context = context;
        Handle = handle;
    }

    internal CudaHandle Handle { get; }

    /// <summary>Waits until it has happened.</summary>
    public void Synchronize() => _context.Current().SynchronizeEvent(Handle.Value);

    /// <summary>Time from this event to <paramref name="later"/>, ms; both have happened.</summary>
    public float MillisecondsTo(CudaEvent later) => _context.Current().ElapsedMilliseconds(Handle.Value, later.Handle.Value);

    /// <summary>Ends it.</summary>
    public void Dispose() => Handle.Dispose();
}
