using System.Runtime.InteropServices;

namespace Engine.Runtime.Weights;

/// <summary>
/// An n-dimensional array as it stands in a weight or data file: little-endian, C order (the last index runs fastest).
/// Rank 0 is a scalar with one element. At most 2 GiB.
/// </summary>
public sealed class NamedArray
{
    /// <summary>Wraps bytes without copying them.</summary>
    /// <exception cref="ArgumentException">A dimension is negative, or the bytes are not as many as type and shape say.</exception>
    public NamedArray(ElementType type, long[] shape, byte[] data)
    {
        if (!TryByteCount(type, shape, out long bytes))
            throw new ArgumentException($"shape [{string.Join(", ", shape)}] of {type} is negative or too large", nameof(shape));
        if (bytes != data.LongLength)
        {
            throw new ArgumentException(
                $"shape [{string.Join(", ", shape)}] of {type} needs {bytes} bytes, but {data.LongLength} were given", nameof(data));
        }

        Type = type;
        Shape = shape;
        Data = data;
    }

    public ElementType Type { get; }

    /// <summary>Dimensions, outermost first; empty for a scalar.</summary>
    public long[] Shape { get; }

    /// <summary>The elements' bytes, little-endian, C order.</summary>
    public byte[] Data { get; }

    /// <summary>Number of elements.</summary>
    public int Count => Data.Length / Type.Size();

    /// <summary>The stored elements; bfloat16 is seen as <c>ushort</c>, bool as <c>bool</c> or <c>byte</c>.</summary>
    /// <exception cref="InvalidDataException">The array holds another type.</exception>
    public ReadOnlySpan<T> As<T>() where T : unmanaged
    {
        if (!Type.IsSeenAs<T>()) throw new InvalidDataException($"the array holds {Type}, not {typeof(T).Name}");
        return MemoryMarshal.Cast<byte, T>(Data);
    }

    /// <summary>All elements as float32, rounded to nearest.</summary>
    /// <exception cref="InvalidDataException">A finite float64 lies beyond float32's range.</exception>
    public float[] ToFloat32()
    {
        var result = new float[Count];
        switch (Type)
        {
            case ElementType.Float32:
                As<float>().CopyTo(result);
                break;
            case ElementType.Float16:
                Convert<Half>(result, static v => (float)v);
                break;
            case ElementType.BFloat16:
                Convert<ushort>(result, static v => BitConverter.UInt32BitsToSingle((uint)v << 16));
                break;
            case ElementType.Float64:
                Convert<double>(result, static v => !float.IsInfinity((float)v) || double.IsInfinity(v)
                    ? (float)v
                    : throw new InvalidDataException($"the value {v:R} does not fit float32"));
                break;
            case ElementType.Bool:
                Convert<byte>(result, static v => v == 0 ? 0f : 1f);
                break;
            case ElementType.UInt64:
                Convert<ulong>(result, static v => v);
                break;
            default:
                long[] whole = ToInt64();
                for (int i = 0; i < whole.Length; i++) result[i] = whole[i];
                break;
        }

        return result;
    }

    /// <summary>All elements as int64; bool gives 0 and 1.</summary>
    /// <exception cref="InvalidDataException">A value is no whole number, or lies beyond int64's range.</exception>
    public long[] ToInt64()
    {
        var result = new long[Count];
        switch (Type)
        {
            case ElementType.Bool:
                Convert<byte>(result, static v => v == 0 ? 0 : 1);
                break;
            case ElementType.UInt8:
                Convert<byte>(result, static v => v);
                break;
            case ElementType.Int8:
                Convert<sbyte>(result, static v => v);
                break;
            case ElementType.Int16:
                Convert<short>(result, static v => v);
                break;
            case ElementType.UInt16:
                Convert<ushort>(result, static v => v);
                break;
            case ElementType.Int32:
                Convert<int>(result, static v => v);
                break;
            case ElementType.UInt32:
                Convert<uint>(result, static v => v);
                break;
            case ElementType.Int64:
                As<long>().CopyTo(result);
                break;
            case ElementType.UInt64:
                Convert<ulong>(result, static v => v <= long.MaxValue
                    ? (long)v
                    : throw new InvalidDataException($"the value {v} does not fit int64"));
                break;
            case ElementType.Float64:
                Convert<double>(result, ToWhole);
                break;
            default:
                float[] values = ToFloat32();
                for (int i = 0; i < values.Length; i++) result[i] = ToWhole(values[i]);
                break;
        }

        return result;
    }

    /// <summary>Copies float32 values; no shape given means one dimension.</summary>
    public static NamedArray FromFloat32(ReadOnlySpan<float> values, params long[] shape) => From(ElementType.Float32, values, shape);

    /// <summary>Copies int64 values; no shape given means one dimension.</summary>
    public static NamedArray FromInt64(ReadOnlySpan<long> values, params long[] shape) => From(ElementType.Int64, values, shape);

    /// <summary>Copies bytes; no shape given means one dimension.</summary>
    public static NamedArray FromUInt8(ReadOnlySpan<byte> values, params long[] shape) => From(ElementType.UInt8, values, shape);

    /// <summary>A float32 array of rank 0.</summary>
    public static NamedArray Scalar(float value) => new(ElementType.Float32, [], BitConverter.GetBytes(value));

    /// <summary>An int64 array of rank 0.</summary>
    public static NamedArray Scalar(long value) => new(ElementType.Int64, [], BitConverter.GetBytes(value));

    /// <summary>Bytes that a shape needs; false where it is negative or beyond what one array may hold.</summary>
    internal static bool TryByteCount(ElementType type, ReadOnlySpan<long> shape, out long bytes)
    {
        bytes = type.Size();
        bool empty = false;
        foreach (long dimension in shape)
        {
            if (dimension < 0) return false;
            empty |= dimension == 0;
        }

        if (empty)
        {
            bytes = 0;
            return true;
        }

        foreach (long dimension in shape)
        {
            if (dimension > Array.MaxLength / bytes) return false;
            bytes *= dimension;
        }

        return true;
    }

    private static NamedArray From<T>(ElementType type, ReadOnlySpan<T> values, long[] shape) where T : unmanaged =>
        new(type, shape.Length == 0 ? [values.Length] : shape, MemoryMarshal.AsBytes(values).ToArray());

    private static long ToWhole(double value) => double.IsInteger(value) && value is >= -9223372036854775808.0 and < 9223372036854775808.0
        ? (long)value
        : throw new InvalidDataException($"the value {value:R} is no whole number that fits int64");

    private static long ToWhole(float value) => ToWhole((double)value);

    private void Convert<T>(float[] destination, Func<T, float> convert) where T : unmanaged
    {
        ReadOnlySpan<T> source = As<T>();
        for (int i = 0; i < destination.Length; i++) destination[i] = convert(source[i]);
    }

    private void Convert<T>(long[] destination, Func<T, long> convert) where T : unmanaged
    {
        ReadOnlySpan<T> source = As<T>();
        for (int i = 0; i < destination.Length; i++) destination[i] = convert(source[i]);
    }
}
