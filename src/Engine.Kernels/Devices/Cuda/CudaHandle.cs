using System.Runtime.InteropServices;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// A handle of the driver with what ends it. The one that it lives in (a stream's context, a function's module) is held until it has been ended.
/// </summary>
internal sealed class CudaHandle : SafeHandle
{
    private readonly Action<nint> _end;
    private readonly CudaHandle? _parent;

    /// <param name="handle">The driver's handle.</param>
    /// <param name="end">Ends it; called once, on any thread. It makes the context current itself.</param>
    /// <param name="parent">What it lives in.</param>
    public CudaHandle(nint handle, Action<nint> end, CudaHandle? parent = null)
        : base(0, ownsHandle: true)
    {
        _end = end;
        if (parent is not null)
        {
            bool added = false;
            parent.DangerousAddRef(ref added);
            _parent = parent;
        }

        SetHandle(handle);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>The driver's handle.</summary>
    /// <exception cref="ObjectDisposedException">It was ended.</exception>
    public nint Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    protected override bool ReleaseHandle()
    {
        try
        {
            _end(handle);
            return true;
        }
        catch (CudaException)
        {
            // The device may be gone at the end of the process; nobody could do anything about it.
            return false;
        }
        finally
        {
            _parent?.DangerousRelease();
        }
    }
}
