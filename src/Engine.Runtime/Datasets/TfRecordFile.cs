using System.Buffers.Binary;
using System.Numerics;

namespace Engine.Runtime.Datasets;

/// <summary>TensorFlow's record files: u64 length, masked CRC-32C of it, the record, masked CRC-32C of the record.</summary>
public static class TfRecordFile
{
    private const int HeaderBytes = 12;
    private const int FooterBytes = 4;

    /// <summary>Reads the records one after another, checking both checksums.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">A record is cut short or its checksum does not fit; the message names file and record.</exception>
    public static IEnumerable<byte[]> Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 17, FileOptions.SequentialScan);
        var header = new byte[HeaderBytes];
        for (int record = 0; stream.Position < stream.Length; record++)
        {
            long left = stream.Length - stream.Position;
            if (left < HeaderBytes + FooterBytes) throw Invalid($"the file ends inside the header of record {record}");
            stream.ReadExactly(header);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8)) != Mask(Checksum(header.AsSpan(0, 8))))
                throw Invalid($"the length of record {record} does not fit its checksum, the file is corrupt or no TFRecord file");
            ulong length = BinaryPrimitives.ReadUInt64LittleEndian(header);
            if (length > (ulong)Array.MaxLength || (long)length > left - HeaderBytes - FooterBytes)
                throw Invalid($"record {record} claims {length} bytes, but {left - HeaderBytes - FooterBytes} are left");
            byte[] data = GC.AllocateUninitializedArray<byte>((int)length);
            stream.ReadExactly(data);
            stream.ReadExactly(header, 0, FooterBytes);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header) != Mask(Checksum(data)))
                throw Invalid($"the checksum of record {record} does not fit, the file is corrupt");
            yield return data;
        }

        InvalidDataException Invalid(string what) => new($"{path}: {what}");
    }

    /// <summary>CRC-32C (Castagnoli), by the processor's own instruction where it has one.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        while (bytes.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (byte b in bytes) crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }

    private static uint Mask(uint checksum) => unchecked(BitOperations.RotateRight(checksum, 15) + 0xa282ead8u);
}
