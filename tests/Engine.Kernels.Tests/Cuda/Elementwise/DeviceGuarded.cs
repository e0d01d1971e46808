using System.Runtime.InteropServices;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Tests.Devices;

namespace Engine.Kernels.Tests.Cuda.Elementwise;

/// <summary>Device memory with guard zones of 0xFF bytes (NaNs) before and behind it.</summary>
internal sealed class DeviceGuarded<T> : IDisposable
    where T : unmanaged
{
    private const int Zone = 256;

    private readonly EmulatedDevice _device;
    private readonly DeviceBuffer<T> _buffer;

    public DeviceGuarded(EmulatedDevice device, long length)
    {
        _device = device;
        _buffer = device.Stream.Allocate<T>(length + 2 * Zone);
        Span = _buffer.Slice(Zone, length);
    }

    public DeviceGuarded(EmulatedDevice device, ReadOnlySpan<T> values)
        : this(device, values.Length) => device.Stream.Upload(values, Span);

    public DeviceSpan<T> Span { get; }

    public static implicit operator DeviceSpan<T>(DeviceGuarded<T> array) => array.Span;

    /// <summary>The contents; fails where something was written outside.</summary>
    public T[] Read()
    {
        T[] all = _device.Read(_buffer.Span);
        int length = all.Length - 2 * Zone;
        Assert.True(MemoryMarshal.AsBytes(all.AsSpan(0, Zone)).IndexOfAnyExcept((byte)0xFF) < 0, $"written before an array of {length}");
        Assert.True(MemoryMarshal.AsBytes(all.AsSpan(Zone + length)).IndexOfAnyExcept((byte)0xFF) < 0, $"written behind an array of {length}");
        return all[Zone..(Zone + length)];
    }

    public void Dispose() => _buffer.Dispose();
}
