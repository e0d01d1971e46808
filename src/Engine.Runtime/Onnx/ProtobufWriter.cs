using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Engine.Runtime.Onnx;

/// <summary>Writes Protocol Buffers' wire format; fields are written in the order of the calls.</summary>
internal sealed class ProtobufWriter
{
    private const int Varint = 0, Fixed32 = 5, Delimited = 2;

    private readonly ArrayBufferWriter<byte> _buffer = new();

    internal ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    internal void Int64(int field, long value)
    {
        Tag(field, Varint);
        Number((ulong)value);
    }

    internal void Float(int field, float value)
    {
        Tag(field, Fixed32);
        BinaryPrimitives.WriteSingleLittleEndian(_buffer.GetSpan(4), value);
        _buffer.Advance(4);
    }

    internal void String(int field, string value)
    {
        Tag(field, Delimited);
        int length = Encoding.UTF8.GetByteCount(value);
        Number((ulong)length);
        Encoding.UTF8.GetBytes(value, _buffer.GetSpan(length));
        _buffer.Advance(length);
    }

    internal void Bytes(int field, ReadOnlySpan<byte> value)
    {
        Tag(field, Delimited);
        Number((ulong)value.Length);
        _buffer.Write(value);
    }

    internal void Message(int field, ProtobufWriter message) => Bytes(field, message.Written);

    /// <summary>Fields that another writer has written, as they are.</summary>
    internal void Raw(ReadOnlySpan<byte> fields) => _buffer.Write(fields);

    private void Tag(int field, int wireType) => Number((ulong)(field << 3 | wireType));

    private void Number(ulong value)
    {
        var span = _buffer.GetSpan(10);
        int length = 0;
        while (value >= 0x80)
        {
            span[length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        span[length++] = (byte)value;
        _buffer.Advance(length);
    }
}
