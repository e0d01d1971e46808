using System.Runtime.InteropServices;

namespace Engine.Kernels.Memory;

/// <summary>
/// A block of unmanaged memory, 64-byte aligned (one AVX-512 register, one cache line) and zeroed; never moved by the garbage collector.
/// Every <see cref="Span"/> taken from it is valid until <see cref="Dispose()"/>; the owner keeps the buffer alive while spans are in use.
/// </summary>
/// <typeparam name="T">An unmanaged element type.</typeparam>
public sealed unsafe class NativeBuffer<T> : IDisposable
    where T : unmanaged
{
    /// <summary>Alignment of the first element in bytes.</summary>
    public const int Alignment = 64;

    private T* _pointer;

    /// <summary>Allocates <paramref name="length"/> zeroed elements.</summary>
    /// <exception cref="ArgumentOutOfRangeException">length is negative.</exception>
    /// <exception cref="OutOfMemoryException">The system has no memory left.</exception>
    public NativeBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Length = length;
        nuint bytes = (nuint)Math.Max(length, 1) * (nuint)sizeof(T);
        bytes = (bytes + Alignment - 1) / Alignment * Alignment;
        _pointer = (T*)NativeMemory.AlignedAlloc(bytes, Alignment);
        NativeMemory.Clear(_pointer, bytes);
        GC.AddMemoryPressure((long)bytes);
        Bytes = (long)bytes;
    }

    ~NativeBuffer() => Release();

    /// <summary>Number of elements.</summary>
    public int Length { get; }

    /// <summary>Bytes taken from the system.</summary>
    public long Bytes { get; }

    /// <summary>All elements.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was disposed.</exception>
    public Span<T> Span
    {
        get
        {
            ObjectDisposedException.ThrowIf(_pointer is null, this);
            return new Span<T>(_pointer, Length);
        }
    }

    /// <summary>Elements <paramref name="start"/> … <paramref name="start"/> + <paramref name="length"/> − 1.</summary>
    public Span<T> Slice(int start, int length) => Span.Slice(start, length);

    /// <summary>Gives the memory back; calling it twice is harmless.</summary>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        if (_pointer is null) return;
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
        GC.RemoveMemoryPressure(Bytes);
    }
}
