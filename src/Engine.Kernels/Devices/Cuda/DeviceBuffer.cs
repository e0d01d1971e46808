namespace Engine.Kernels.Devices.Cuda;

/// <summary>Device memory, 256-byte aligned, given and taken back in the order of the stream that it was allocated on. Not cleared.</summary>
/// <typeparam name="T">Element type.</typeparam>
public sealed unsafe class DeviceBuffer<T> : IDisposable
    where T : unmanaged
{
    private readonly CudaHandle _handle;
    private readonly CudaStream _stream;

    internal DeviceBuffer(CudaStream stream, CudaHandle handle, long length)
    {
        _stream = stream;
        _handle = handle;
        Length = length;
    }

    /// <summary>Elements.</summary>
    public long Length { get; }

    /// <summary>Bytes.</summary>
    public long Bytes => Length * sizeof(T);

    /// <summary>All of it.</summary>
    /// <exception cref="ObjectDisposedException">It was freed.</exception>
    public DeviceSpan<T> Span => new((ulong)_handle.Value, Length);

    /// <summary>A part of it.</summary>
    public DeviceSpan<T> Slice(long start, long length) => Span.Slice(start, length);

    public static implicit operator DeviceSpan<T>(DeviceBuffer<T> buffer) => buffer.Span;

    public static implicit operator CudaArgument(DeviceBuffer<T> buffer) => buffer.Span;

    /// <summary>Frees it once the stream has come to this point; calling it twice is harmless. Other streams must be done with it.</summary>
    public void Dispose()
    {
        _stream.Free(_handle);
    }
}
