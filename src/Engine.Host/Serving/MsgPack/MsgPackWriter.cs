using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Engine.Host.Serving.MsgPack;

/// <summary>
/// Writes msgpack in the shortest forms, as msgpack-python does, with arrays and scalars as <see cref="MsgPackReader"/> reads them.
/// Reusable: <see cref="Clear"/> keeps the buffer.
/// </summary>
public sealed class MsgPackWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new(1024);

    /// <summary>What has been written; valid until the next call.</summary>
    public ReadOnlyMemory<byte> Written => _buffer.WrittenMemory;

    /// <summary>Bytes of one value.</summary>
    public static byte[] ToBytes(object? value)
    {
        var writer = new MsgPackWriter();
        writer.Value(value);
        return writer.Written.ToArray();
    }

    public void Clear() => _buffer.ResetWrittenCount();

    /// <summary>Writes a value of any type that <see cref="MsgPackMap"/> names, and int, float, byte[] and arrays of them.</summary>
    /// <exception cref="ArgumentException">It is of another type.</exception>
    public void Value(object? value)
    {
        switch (value)
        {
            case null: Byte(0xC0); break;
            case bool flag: Byte(flag ? (byte)0xC3 : (byte)0xC2); break;
            case int number: Integer(number); break;
            case long number: Integer(number); break;
            case ulong number: Unsigned(number); break;
            case float number: Float(number); break;
            case double number: Float(number); break;
            case string text: Text(text); break;
            case byte[] bytes: Binary(bytes); break;
            case ReadOnlyMemory<byte> bytes: Binary(bytes.Span); break;
            case NumpyArray array: Array(array); break;
            case NumpyScalar scalar: Scalar(scalar); break;
            case MsgPackMap map:
                MapHeader(map.Count);
                foreach (var (key, item) in map)
                {
                    if (key.Length > 0 && key[0] == MsgPackMap.BinaryPrefix) Binary(Encoding.Latin1.GetBytes(key[1..]));
                    else Text(key);
                    Value(item);
                }

                break;
            case System.Collections.IList items:
                ArrayHeader(items.Count);
                foreach (object? item in items) Value(item);
                break;
            default: throw new ArgumentException($"a {value.GetType().Name} cannot be written as msgpack.", nameof(value));
        }
    }

    public void MapHeader(int count) => Header(count, 0x80, 0xDE);

    public void ArrayHeader(int count) => Header(count, 0x90, 0xDC);

    public void Integer(long number)
    {
        if (number >= 0)
        {
            Unsigned((ulong)number);
            return;
        }

        switch (number)
        {
            case >= -32: Byte((byte)number); break;
            case >= sbyte.MinValue: Coded(0xD0, 1, (ulong)number); break;
            case >= short.MinValue: Coded(0xD1, 2, (ulong)number); break;
            case >= int.MinValue: Coded(0xD2, 4, (ulong)number); break;
            default: Coded(0xD3, 8, (ulong)number); break;
        }
    }

    public void Float(double number) => Coded(0xCB, 8, (ulong)BitConverter.DoubleToInt64Bits(number));

    public void Text(string text)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        switch (length)
        {
            case < 32: Byte((byte)(0xA0 | length)); break;
            case <= byte.MaxValue: Coded(0xD9, 1, (ulong)length); break;
            case <= ushort.MaxValue: Coded(0xDA, 2, (ulong)length); break;
            default: Coded(0xDB, 4, (ulong)length); break;
        }

        Encoding.UTF8.GetBytes(text, _buffer);
    }

    public void Binary(ReadOnlySpan<byte> bytes)
    {
        switch (bytes.Length)
        {
            case <= byte.MaxValue: Coded(0xC4, 1, (ulong)bytes.Length); break;
            case <= ushort.MaxValue: Coded(0xC5, 2, (ulong)bytes.Length); break;
            default: Coded(0xC6, 4, (ulong)bytes.Length); break;
        }

        _buffer.Write(bytes);
    }

    /// <summary>An array of float32.</summary>
    public void Array(ReadOnlySpan<float> values, params ReadOnlySpan<long> shape) => Array(NumpyDtype.Float32, shape, MemoryMarshal.AsBytes(values));

    /// <summary>An array.</summary>
    public void Array(NumpyArray array) => Array(array.Dtype, array.Shape, array.Data.Span);

    private void Array(NumpyDtype dtype, ReadOnlySpan<long> shape, ReadOnlySpan<byte> data)
    {
        Byte(0x84);
        Binary("__ndarray__"u8);
        Byte(0xC3);
        Binary("data"u8);
        Binary(data);
        Binary("dtype"u8);
        Text(dtype.ToString());
        Binary("shape"u8);
        ArrayHeader(shape.Length);
        foreach (long dimension in shape) Integer(dimension);
    }

    private void Scalar(NumpyScalar scalar)
    {
        Byte(0x83);
        Binary("__npgeneric__"u8);
        Byte(0xC3);
        Binary("data"u8);
        Value(scalar.Value);
        Binary("dtype"u8);
        Text(scalar.Dtype.ToString());
    }

    private void Unsigned(ulong number)
    {
        switch (number)
        {
            case < 0x80: Byte((byte)number); break;
            case <= byte.MaxValue: Coded(0xCC, 1, number); break;
            case <= ushort.MaxValue: Coded(0xCD, 2, number); break;
            case <= uint.MaxValue: Coded(0xCE, 4, number); break;
            default: Coded(0xCF, 8, number); break;
        }
    }

    private void Header(int count, byte small, byte wide)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        switch (count)
        {
            case < 16: Byte((byte)(small | count)); break;
            case <= ushort.MaxValue: Coded(wide, 2, (ulong)count); break;
            default: Coded((byte)(wide + 1), 4, (ulong)count); break;
        }
    }

    /// <summary>A code and the last <paramref name="size"/> bytes of a number, most significant first.</summary>
    private void Coded(byte code, int size, ulong number)
    {
        var span = _buffer.GetSpan(9);
        span[0] = code;
        switch (size)
        {
            case 1: span[1] = (byte)number; break;
            case 2: BinaryPrimitives.WriteUInt16BigEndian(span[1..], (ushort)number); break;
            case 4: BinaryPrimitives.WriteUInt32BigEndian(span[1..], (uint)number); break;
            default: BinaryPrimitives.WriteUInt64BigEndian(span[1..], number); break;
        }

        _buffer.Advance(1 + size);
    }

    private void Byte(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
    }
}
