using Engine.Runtime.Interop;

namespace Engine.Runtime.Onnx;

/// <summary>
/// A dense, row-major tensor that ONNX Runtime reads and writes in place: 64-byte-aligned unmanaged memory of ours, memory of a GPU, or an output
/// that the runtime has allocated. Not thread-safe.
/// </summary>
public sealed unsafe class OnnxTensor : IDisposable
{
    private readonly void* _data;
    private readonly long[] _shape;

    private OnnxTensor(OnnxValueHandle handle, OnnxElementType type, long[] shape, void* data)
    {
        Handle = handle;
        Type = type;
        _shape = shape;
        _data = data;
        Count = checked((int)CountOf(shape));
    }

    /// <summary>Element type.</summary>
    public OnnxElementType Type { get; }

    /// <summary>Dimensions.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>Number of elements.</summary>
    public int Count { get; }

    internal OnnxValueHandle Handle { get; }

    /// <summary>Allocates a tensor of zeros.</summary>
    /// <exception cref="ArgumentException">A dimension is negative, or the tensor has more than 2³¹ − 1 elements.</exception>
    public static OnnxTensor Zeros(OnnxElementType type, params ReadOnlySpan<long> shape)
    {
        long[] copy = shape.ToArray();
        nuint bytes = (nuint)CountOf(copy) * (nuint)SizeOf(type);
        var handle = OnnxRuntimeCalls.CreateValue(type, copy, bytes, out void* data);
        return new OnnxTensor(handle, type, copy, data);
    }

    /// <summary>Allocates a tensor and copies values into it.</summary>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> is no element type, or the number of values is not the product of the shape.</exception>
    public static OnnxTensor From<T>(ReadOnlySpan<T> values, params ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        if (values.Length != CountOf(shape))
            throw new ArgumentException($"shape [{string.Join(", ", shape.ToArray())}] has {CountOf(shape)} elements, values has {values.Length}.", nameof(values));
        var tensor = Zeros(TypeOf<T>(), shape);
        values.CopyTo(tensor.Span<T>());
        return tensor;
    }

    /// <summary>
    /// A tensor over memory of a GPU, without a copy: what a dream left there, or a tensor of libtorch. The memory stays the caller's, must outlive the tensor, and
    /// what was put in its stream must be done before a session runs.
    /// </summary>
    /// <param name="type">Element type.</param>
    /// <param name="address">Device address.</param>
    /// <param name="bytes">Bytes there.</param>
    /// <param name="device">Number of the GPU.</param>
    /// <param name="shape">Dimensions.</param>
    /// <exception cref="ArgumentException">The shape needs more bytes than there are, or the address is null.</exception>
    public static OnnxTensor OnDevice(OnnxElementType type, ulong address, long bytes, int device, params ReadOnlySpan<long> shape)
    {
        ArgumentOutOfRangeException.ThrowIfZero(address);
        ArgumentOutOfRangeException.ThrowIfNegative(device);
        long[] copy = shape.ToArray();
        long needed = CountOf(copy) * SizeOf(type);
        if (needed > bytes) throw new ArgumentException($"shape [{string.Join(", ", copy)}] of {type} needs {needed} bytes, there are {bytes}.", nameof(bytes));
        return new OnnxTensor(OnnxRuntimeCalls.CreateDeviceValue(type, copy, (nuint)needed, address, device), type, copy, null);
    }

    /// <summary>The elements, row-major.</summary>
    /// <exception cref="ArgumentException"><typeparamref name="T"/> is not the tensor's element type (<see cref="byte"/> and <see cref="bool"/> both fit Bool).</exception>
    /// <exception cref="ObjectDisposedException">The tensor has been disposed.</exception>
    /// <exception cref="InvalidOperationException">The elements are on a GPU.</exception>
    public Span<T> Span<T>()
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(Handle.IsClosed, this);
        if (TypeOf<T>() != Type && !(Type == OnnxElementType.Bool && typeof(T) == typeof(byte)))
            throw new ArgumentException($"the tensor holds {Type}, not {typeof(T).Name}.");
        if (_data is null) throw new InvalidOperationException("the tensor's elements are on a GPU; copy them from its address.");
        return new Span<T>(_data, Count);
    }

    public void Dispose() => Handle.Dispose();

    internal static OnnxTensor FromRuntime(nint value)
    {
        var handle = new OnnxValueHandle(value, null);
        var (type, shape, data) = OnnxRuntimeCalls.Inspect(value);
        return new OnnxTensor(handle, type, shape, (void*)data);
    }

    internal static OnnxElementType TypeOf<T>()
        where T : unmanaged
    {
        if (typeof(T) == typeof(float)) return OnnxElementType.Float32;
        if (typeof(T) == typeof(byte)) return OnnxElementType.UInt8;
        if (typeof(T) == typeof(long)) return OnnxElementType.Int64;
        if (typeof(T) == typeof(int)) return OnnxElementType.Int32;
        if (typeof(T) == typeof(bool)) return OnnxElementType.Bool;
        if (typeof(T) == typeof(Half)) return OnnxElementType.Float16;
        if (typeof(T) == typeof(double)) return OnnxElementType.Float64;
        if (typeof(T) == typeof(sbyte)) return OnnxElementType.Int8;
        if (typeof(T) == typeof(short)) return OnnxElementType.Int16;
        if (typeof(T) == typeof(ushort)) return OnnxElementType.UInt16;
        if (typeof(T) == typeof(uint)) return OnnxElementType.UInt32;
        if (typeof(T) == typeof(ulong)) return OnnxElementType.UInt64;
        throw new ArgumentException($"{typeof(T).Name} is not an element type of ONNX.");
    }

    private static long CountOf(ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long dimension in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(dimension, nameof(shape));
            if (dimension > 0 && count > int.MaxValue / dimension)
                throw new ArgumentException($"shape [{string.Join(", ", shape.ToArray())}] has more than {int.MaxValue} elements.", nameof(shape));
            count *= dimension;
        }

        return count;
    }

    private static int SizeOf(OnnxElementType type) => type switch
    {
        OnnxElementType.UInt8 or OnnxElementType.Int8 or OnnxElementType.Bool => 1,
        OnnxElementType.UInt16 or OnnxElementType.Int16 or OnnxElementType.Float16 or OnnxElementType.BFloat16 => 2,
        OnnxElementType.Int32 or OnnxElementType.UInt32 or OnnxElementType.Float32 => 4,
        OnnxElementType.Int64 or OnnxElementType.UInt64 or OnnxElementType.Float64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not a numeric element type of ONNX"),
    };
}
