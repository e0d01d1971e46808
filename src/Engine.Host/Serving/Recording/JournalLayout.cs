using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Engine.Client;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving.Recording;

/// <summary>
/// The form of an episode's journal, to which a step is appended as soon as it is answered, so that a killed server loses none.
/// All numbers little-endian. Header: <c>ENGJ</c>, version u32, numbers of the state S u32, of a chunk u32, bytes of the images u32, 0 u32, 0 u32,
/// CRC-32C of these 28 bytes. Records: CRC-32C u32 of all that follows, 0 u32, kind u32, length u32; payload. Kinds: 1 instruction (UTF-8, first);
/// 2 step: received i64 (Unix ns), in the policy i64 (ns), state f32 [S], chunk f32 [H·A], images u8 in the contract's order; 3 end: u8, 0 nobody says, 1 failed, 2 succeeded.
/// </summary>
internal sealed class JournalLayout(PolicyContract contract)
{
    internal const int HeaderBytes = 32, RecordHead = 16;
    internal const uint Instruction = 1, Step = 2, End = 3;
    private const uint Magic = 0x4A474E45, Version = 1;

    /// <summary>Numbers of the state.</summary>
    internal int State { get; } = contract.StateNames.Length;

    /// <summary>Numbers of a chunk.</summary>
    internal int Chunk { get; } = contract.ActionHorizon * contract.ActionNames.Length;

    /// <summary>Bytes of one observation's images.</summary>
    internal int Images { get; } = contract.Cameras.Sum(camera => camera.Bytes);

    /// <summary>Bytes of a step's payload.</summary>
    internal int StepBytes => 16 + 4 * (State + Chunk) + Images;

    /// <summary>Writes the header, [32].</summary>
    internal void WriteHeader(Span<byte> header)
    {
        header[..HeaderBytes].Clear();
        var words = MemoryMarshal.Cast<byte, uint>(header[..HeaderBytes]);
        (words[0], words[1], words[2], words[3], words[4]) = (Magic, Version, (uint)State, (uint)Chunk, (uint)Images);
        words[7] = Crc32C.Compute(header[..28]);
    }

    /// <summary>Whether a header is this layout's.</summary>
    internal bool IsHeader(ReadOnlySpan<byte> header)
    {
        Span<byte> own = stackalloc byte[HeaderBytes];
        WriteHeader(own);
        return header.SequenceEqual(own);
    }

    /// <summary>Writes the head [16] of the record whose payload follows it.</summary>
    internal static void WriteHead(uint kind, Span<byte> record)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(record[4..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(record[8..], kind);
        BinaryPrimitives.WriteInt32LittleEndian(record[12..], record.Length - RecordHead);
        BinaryPrimitives.WriteUInt32LittleEndian(record, Crc32C.Compute(record[4..]));
    }
}
