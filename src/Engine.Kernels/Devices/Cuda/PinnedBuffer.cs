namespace Engine.Kernels.Devices.Cuda;

/// <summary>Host memory that a device copies to and from without a detour, and that a graph's copies may name.</summary>
/// <typeparam name="T">Element type.</typeparam>
public sealed unsafe class PinnedBuffer<T> : IDisposable
    where T : unmanaged
{
    private readonly CudaHandle _handle;

    internal PinnedBuffer(CudaHandle handle, int length)
    {
        _handle = handle;
        Length = length;
    }

    /// <summary>Elements.</summary>
    public int Length { get; }

    /// <summary>All of it; valid until <see cref="Dispose"/>.</summary>
    public Span<T> Span => new((void*)_handle.Value, Length);

    /// <summary>Frees it; no copy may be under way.</summary>
    public void Dispose() => _handle.Dispose();
}
