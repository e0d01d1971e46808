using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Engine.Host.Serving.LeRobot;

/// <summary>Writes pickles opcode by opcode (PEP 307, 3154), for messages that Python is to load.</summary>
internal sealed class PickleWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new(1024);

    internal PickleWriter(byte protocol) => Opcodes([0x80, protocol]);

    /// <summary>What has been written.</summary>
    internal ReadOnlySpan<byte> Written => _buffer.WrittenSpan;

    /// <summary>Opcodes without argument, or with a small one that is given along.</summary>
    internal PickleWriter Opcodes(ReadOnlySpan<byte> opcodes)
    {
        _buffer.Write(opcodes);
        return this;
    }

    /// <summary>GLOBAL: a class or function by module and name.</summary>
    internal PickleWriter Global(string module, string name) => Opcodes("c"u8).Raw(module).Opcodes("\n"u8).Raw(name).Opcodes("\n"u8);

    /// <summary>BINUNICODE.</summary>
    internal PickleWriter Text(string text) => Opcodes("X"u8).Int32(Encoding.UTF8.GetByteCount(text)).Raw(text);

    /// <summary>BINBYTES.</summary>
    internal PickleWriter Bytes(ReadOnlySpan<byte> bytes) => Opcodes("B"u8).Int32(bytes.Length).Opcodes(bytes);

    /// <summary>BINFLOAT.</summary>
    internal PickleWriter Float(double number)
    {
        Span<byte> bytes = stackalloc byte[9];
        bytes[0] = (byte)'G';
        BinaryPrimitives.WriteDoubleBigEndian(bytes[1..], number);
        return Opcodes(bytes);
    }

    /// <summary>BININT, or LONG1 where it is larger.</summary>
    internal PickleWriter Integer(long number)
    {
        if (number is >= int.MinValue and <= int.MaxValue) return Opcodes("J"u8).Int32((int)number);
        Span<byte> bytes = stackalloc byte[10];
        (bytes[0], bytes[1]) = (0x8A, 8);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[2..], number);
        return Opcodes(bytes);
    }

    /// <summary>BINPUT: keeps the top of the stack under a number.</summary>
    internal PickleWriter Keep(byte place) => Opcodes([(byte)'q', place]);

    /// <summary>BINGET.</summary>
    internal PickleWriter Recall(byte place) => Opcodes([(byte)'h', place]);

    private PickleWriter Int32(int number)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        return Opcodes(bytes);
    }

    private PickleWriter Raw(string text) => Opcodes(Encoding.UTF8.GetBytes(text));
}
