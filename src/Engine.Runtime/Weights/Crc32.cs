using System.Buffers.Binary;

namespace Engine.Runtime.Weights;

/// <summary>CRC-32 of zip archives (ISO 3309, reflected polynomial 0xEDB88320), eight bytes a step (Intel's slicing-by-8).</summary>
internal static class Crc32
{
    private static readonly uint[] Table = BuildTable();

    /// <summary>Continues a checksum; begin with 0.</summary>
    public static uint Append(uint checksum, ReadOnlySpan<byte> bytes)
    {
        uint c = ~checksum;
        uint[] table = Table;
        while (bytes.Length >= 8)
        {
            uint low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ c;
            uint high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            c = table[1792 + (low & 255)] ^ table[1536 + ((low >> 8) & 255)] ^ table[1280 + ((low >> 16) & 255)] ^ table[1024 + (low >> 24)]
                ^ table[768 + (high & 255)] ^ table[512 + ((high >> 8) & 255)] ^ table[256 + ((high >> 16) & 255)] ^ table[high >> 24];
            bytes = bytes[8..];
        }

        foreach (byte b in bytes) c = table[(c ^ b) & 255] ^ (c >> 8);
        return ~c;
    }

    private static uint[] BuildTable()
    {
        var table = new uint[8 * 256];
        for (uint i = 0; i < 256; i++)
        {
            uint c = i;
            for (int bit = 0; bit < 8; bit++) c = (c & 1) != 0 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
            table[i] = c;
        }

        for (int slice = 1; slice < 8; slice++)
        {
            for (int i = 0; i < 256; i++)
            {
                uint before = table[(slice - 1) * 256 + i];
                table[slice * 256 + i] = table[before & 255] ^ (before >> 8);
            }
        }

        return table;
    }
}
