using System.Buffers.Binary;

namespace Engine.Client;

/// <summary>
/// The 64 bytes before every payload, little-endian: magic <c>ENGP</c> (0), version u16 (4), kind u16 (6), flags u32 (8), payload length u32 (12),
/// sequence u64 (16), deadline u64 (24), session u64 (32), time u64 (40), CRC-32C of the payload u32 (48), error code u32 (52),
/// offset u32 (56), CRC-32C of the 60 bytes before u32 (60).
/// </summary>
public readonly record struct PipeHeader
{
    /// <summary>Bytes of a header.</summary>
    public const int Size = 64;

    /// <summary>The version that is spoken.</summary>
    public const ushort Version = 1;

    private const uint Magic = 0x50474E45;
    private const PipeFlags KnownFlags = PipeFlags.PayloadCrc | PipeFlags.Closing | PipeFlags.Late;

    public required PipeKind Kind { get; init; }

    public PipeFlags Flags { get; init; }

    /// <summary>Bytes of the payload.</summary>
    public uint Length { get; init; }

    /// <summary>The client's number of the request, higher than any before it; the answer carries it too. The hello has 0.</summary>
    public ulong Sequence { get; init; }

    /// <summary>When an answer stops being of use: ns on the server's monotonic clock; 0 for never.</summary>
    public ulong Deadline { get; init; }

    /// <summary>The session's number, from the welcome; 0 in the hello.</summary>
    public ulong Session { get; init; }

    /// <summary>The sender's monotonic clock at sending (ns): CLOCK_MONOTONIC, the same for all programs of a machine.</summary>
    public ulong Time { get; init; }

    /// <summary>CRC-32C of the payload with <see cref="PipeFlags.PayloadCrc"/>, otherwise 0.</summary>
    public uint PayloadCrc { get; init; }

    /// <summary>On an error: what kind of error.</summary>
    public PipeErrorCode Code { get; init; }

    /// <summary>In a ring: where the payload begins, from the start of the memory. On a socket 0.</summary>
    public uint Offset { get; init; }

    /// <summary>Writes the header with its CRC into the first 64 bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[6..], (ushort)Kind);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], (uint)Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[12..], Length);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[16..], Sequence);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[24..], Deadline);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[32..], Session);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[40..], Time);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[48..], PayloadCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[52..], (uint)Code);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[56..], Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[60..], Crc32C.Compute(bytes[..60]));
    }

    /// <summary>Reads a header from the first 64 bytes; says what is wrong with it otherwise.</summary>
    public static PipeHeaderFault Read(ReadOnlySpan<byte> bytes, out PipeHeader header)
    {
        header = default;
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic) return PipeHeaderFault.Magic;
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[60..]) != Crc32C.Compute(bytes[..60])) return PipeHeaderFault.Crc;
        if (BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]) != Version) return PipeHeaderFault.Version;
        var kind = (PipeKind)BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]);
        var flags = (PipeFlags)BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]);
        if (kind is < PipeKind.Hello or > PipeKind.Bye || (flags & ~KnownFlags) != 0) return PipeHeaderFault.Field;
        header = new PipeHeader
        {
            Kind = kind,
            Flags = flags,
            Length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]),
            Sequence = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            Deadline = BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]),
            Session = BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
            Time = BinaryPrimitives.ReadUInt64LittleEndian(bytes[40..]),
            PayloadCrc = BinaryPrimitives.ReadUInt32LittleEndian(bytes[48..]),
            Code = (PipeErrorCode)BinaryPrimitives.ReadUInt32LittleEndian(bytes[52..]),
            Offset = BinaryPrimitives.ReadUInt32LittleEndian(bytes[56..]),
        };
        return PipeHeaderFault.None;
    }
}
