namespace Engine.Kernels.Devices.Cuda;

/// <summary>A stretch of device memory: what kernels are given. Valid as long as the buffer that it was taken from.</summary>
/// <param name="Address">Device address of the first element; 0 for none.</param>
/// <param name="Length">Elements.</param>
/// <typeparam name="T">Element type.</typeparam>
public readonly record struct DeviceSpan<T>(ulong Address, long Length)
    where T : unmanaged
{
    /// <summary>Elements from <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">start is outside.</exception>
    public DeviceSpan<T> Slice(long start) => Slice(start, Length - start);

    /// <summary>Elements <paramref name="start"/> … <paramref name="start"/> + <paramref name="length"/> − 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">They are not all within.</exception>
    public unsafe DeviceSpan<T> Slice(long start, long length)
    {
        if (start < 0 || length < 0 || start > Length - length)
            throw new ArgumentOutOfRangeException(nameof(start), $"{start} … {start} + {length} is not within a device span of {Length}.");
        return new DeviceSpan<T>(Address + (ulong)start * (ulong)sizeof(T), length);
    }

    /// <summary>Checks that it holds <paramref name="needed"/> elements at least.</summary>
    /// <exception cref="ArgumentException">It is shorter; the message names it and the shape.</exception>
    public void Require(long needed, string name, string shape)
    {
        if (Length < needed) throw new ArgumentException($"{name} must hold {needed} elements ({shape}), it holds {Length}.", name);
    }

    public static implicit operator CudaArgument(DeviceSpan<T> span) => CudaArgument.Pointer(span.Address);
}
