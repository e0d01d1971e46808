using System.Runtime.CompilerServices;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// One argument of a kernel in a slot of eight bytes: a device pointer, an integer or a float. The kernel reads as many bytes of the slot as its
/// parameter has, so the C# type must be the kernel's (<c>int</c> for <c>int</c>, <c>long</c> for <c>long long</c>); structures are not passed.
/// </summary>
public readonly struct CudaArgument
{
    private readonly ulong _bits;

    private CudaArgument(ulong bits) => _bits = bits;

    /// <summary>The slot.</summary>
    public ulong Bits => _bits;

    /// <summary>A device address.</summary>
    public static CudaArgument Pointer(ulong address) => new(address);

    public static implicit operator CudaArgument(int value) => new((uint)value);

    public static implicit operator CudaArgument(uint value) => new(value);

    public static implicit operator CudaArgument(long value) => new((ulong)value);

    public static implicit operator CudaArgument(ulong value) => new(value);

    public static implicit operator CudaArgument(float value) => new(Unsafe.BitCast<float, uint>(value));
}
