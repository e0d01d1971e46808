using System.Buffers.Binary;
using System.IO.Compression;

namespace Engine.Host.Reports;

/// <summary>Writes PNG files (PNG specification, third edition; 8-bit RGB, no interlace, adaptive filters).</summary>
public static class Png
{
    private static readonly uint[] CrcTable = BuildCrcTable();

    /// <summary>Encodes a picture, u8 RGB [height, width, 3].</summary>
    /// <exception cref="ArgumentException">The number of bytes is not height × width × 3.</exception>
    public static byte[] Encode(ReadOnlySpan<byte> rgb, int width, int height)
    {
        RgbImage.Check(rgb.Length, width, height);
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);

        Span<byte> header = stackalloc byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header[4..], height);
        header[8] = 8; // bits per channel
        header[9] = 2; // RGB
        header[10..].Clear(); // deflate, adaptive filters, no interlace
        WriteChunk(file, "IHDR"u8, header);

        using (var pixels = new MemoryStream())
        {
            using (var deflate = new ZLibStream(pixels, CompressionLevel.SmallestSize, leaveOpen: true))
                WriteRows(deflate, rgb, width * 3, height);
            WriteChunk(file, "IDAT"u8, pixels.GetBuffer().AsSpan(0, (int)pixels.Length));
        }

        WriteChunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    /// <summary>Each row takes the filter whose residuals have the least sum of magnitudes (the specification's heuristic, section 12.7).</summary>
    private static void WriteRows(Stream output, ReadOnlySpan<byte> rgb, int stride, int height)
    {
        var zeros = new byte[stride];
        var candidate = new byte[stride + 1];
        var best = new byte[stride + 1];
        for (int y = 0; y < height; y++)
        {
            var row = rgb.Slice(y * stride, stride);
            var above = y == 0 ? zeros : rgb.Slice((y - 1) * stride, stride);
            long bestCost = long.MaxValue;
            for (byte filter = 0; filter <= 4; filter++)
            {
                long cost = Filter(filter, row, above, candidate);
                if (cost >= bestCost) continue;
                bestCost = cost;
                (best, candidate) = (candidate, best);
            }

            output.Write(best);
        }
    }

    private static long Filter(byte filter, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, Span<byte> residuals)
    {
        long cost = 0;
        residuals[0] = filter;
        for (int x = 0; x < row.Length; x++)
        {
            int left = x >= 3 ? row[x - 3] : 0;
            int corner = x >= 3 ? above[x - 3] : 0;
            int prediction = filter switch
            {
                0 => 0,
                1 => left,
                2 => above[x],
                3 => (left + above[x]) >> 1,
                _ => Paeth(left, above[x], corner),
            };
            byte residual = (byte)(row[x] - prediction);
            residuals[x + 1] = residual;
            cost += Math.Abs((int)(sbyte)residual);
        }

        return cost;
    }

    private static int Paeth(int left, int above, int corner)
    {
        int estimate = left + above - corner;
        int toLeft = Math.Abs(estimate - left), toAbove = Math.Abs(estimate - above), toCorner = Math.Abs(estimate - corner);
        return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
    }

    private static void WriteChunk(Stream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> content)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
        file.Write(number);
        file.Write(type);
        file.Write(content);
        BinaryPrimitives.WriteUInt32BigEndian(number, ~Crc(Crc(uint.MaxValue, type), content));
        file.Write(number);
    }

    private static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes) crc = CrcTable[(byte)(crc ^ value)] ^ (crc >> 8);
        return crc;
    }

    private static uint[] BuildCrcTable()
    {
        var table = new uint[256];
        for (uint n = 0; n < 256; n++)
        {
            uint value = n;
            for (int bit = 0; bit < 8; bit++) value = (value & 1) != 0 ? 0xEDB88320u ^ (value >> 1) : value >> 1;
            table[n] = value;
        }

        return table;
    }
}
