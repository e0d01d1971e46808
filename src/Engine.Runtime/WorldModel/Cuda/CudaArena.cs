using Engine.Kernels.Devices.Cuda;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>Device memory that is freed together, also when there is no room for the last piece of it.</summary>
internal sealed class CudaArena(CudaStream stream) : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    public DeviceBuffer<T> Allocate<T>(long length)
        where T : unmanaged => Own(stream.Allocate<T>(length));

    public DeviceBuffer<T> Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        DeviceBuffer<T> buffer = Allocate<T>(values.Length);
        stream.Upload(values, buffer.Span);
        return buffer;
    }

    public T Own<T>(T buffer)
        where T : IDisposable
    {
        _owned.Add(buffer);
        return buffer;
    }

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
        _owned.Clear();
    }
}
