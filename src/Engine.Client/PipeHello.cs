using System.Buffers.Binary;

namespace Engine.Client;

/// <summary>The fixed part of a hello's payload; the token's UTF-8 follows. Wants u32 (0; bit 0: a ring), spin u32 µs (4), token length u32 (8), zero u32 (12).</summary>
internal static class PipeHello
{
    internal const int Head = 16, MaxTokenBytes = 1024, MaxSpinMicroseconds = 100_000;

    internal static byte[] ToBytes(bool ring, int spinMicroseconds, ReadOnlySpan<byte> token)
    {
        byte[] bytes = new byte[Head + token.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, ring ? 1u : 0u);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), spinMicroseconds);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(8), token.Length);
        token.CopyTo(bytes.AsSpan(Head));
        return bytes;
    }

    /// <summary>Reads a hello; false where it contradicts itself.</summary>
    internal static bool TryRead(ReadOnlySpan<byte> bytes, out bool ring, out int spinMicroseconds, out ReadOnlySpan<byte> token)
    {
        ring = false;
        spinMicroseconds = 0;
        token = default;
        if (bytes.Length is < Head or > Head + MaxTokenBytes) return false;
        uint wants = BinaryPrimitives.ReadUInt32LittleEndian(bytes), spin = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        if (wants > 1 || spin > MaxSpinMicroseconds || BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]) != 0) return false;
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) != bytes.Length - Head) return false;
        ring = wants == 1;
        spinMicroseconds = (int)spin;
        token = bytes[Head..];
        return true;
    }
}
