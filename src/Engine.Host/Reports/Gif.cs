using System.Buffers.Binary;

namespace Engine.Host.Reports;

/// <summary>
/// Writes animated GIF files (GIF89a) that loop for ever. All frames share one palette of 255 colours chosen for them
/// (<see cref="ColourPalette"/>); the last index means "as before", so that still parts cost nothing.
/// </summary>
public static class Gif
{
    private const byte Unchanged = 255;

    /// <summary>Encodes frames, each u8 RGB [height, width, 3].</summary>
    /// <param name="frames">One or more frames of the same size.</param>
    /// <param name="width">Width of the frames in pixels.</param>
    /// <param name="height">Height of the frames in pixels.</param>
    /// <param name="delayMs">Time that each frame is shown (ms); the format keeps hundredths of a second, and viewers slow down below 20 ms.</param>
    /// <param name="scale">Each pixel becomes a square of this many pixels.</param>
    /// <param name="holdMs">Further time that the last frame is shown before the loop begins again (ms).</param>
    /// <exception cref="ArgumentException">No frames, or a frame of another size.</exception>
    public static byte[] Encode(IReadOnlyList<byte[]> frames, int width, int height, int delayMs, int scale = 1, int holdMs = 0)
    {
        if (frames.Count == 0) throw new ArgumentException("A GIF needs at least one frame.");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(delayMs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale);
        ArgumentOutOfRangeException.ThrowIfNegative(holdMs);
        foreach (byte[] frame in frames) RgbImage.Check(frame.Length, width, height);
        if (width * scale > ushort.MaxValue || height * scale > ushort.MaxValue)
            throw new ArgumentException($"A GIF is at most 65535 pixels wide and high; this one would be {width * scale}×{height * scale}.");

        var palette = ColourPalette.For(frames, Unchanged);
        using var file = new MemoryStream();
        file.Write("GIF89a"u8);
        WriteUInt16(file, width * scale);
        WriteUInt16(file, height * scale);
        file.Write([0xF7, 0, 0]); // a global table of 256 colours, 8 bits a channel
        for (int i = 0; i < 256; i++)
        {
            var colour = i < palette.Count ? palette[i] : default;
            file.Write([colour.R, colour.G, colour.B]);
        }

        file.Write([0x21, 0xFF, 11]);
        file.Write("NETSCAPE2.0"u8);
        file.Write([3, 1, 0, 0, 0]); // loop for ever

        byte[]? shown = null;
        for (int i = 0; i < frames.Count; i++)
        {
            var indices = palette.Map(frames[i]);
            int delay = delayMs + (i == frames.Count - 1 ? holdMs : 0);
            WriteFrame(file, indices, shown, width, height, scale, (int)Math.Round(delay / 10.0));
            shown = indices;
        }

        file.WriteByte(0x3B);
        return file.ToArray();
    }

    private static void WriteFrame(MemoryStream file, byte[] indices, byte[]? shown, int width, int height, int scale, int hundredths)
    {
        var (left, top, right, bottom) = ChangedBox(indices, shown, width, height);
        file.Write([0x21, 0xF9, 4, 0b0000_0101]); // keep what is shown; has a transparent index
        WriteUInt16(file, Math.Clamp(hundredths, 2, ushort.MaxValue));
        file.Write([Unchanged, 0]);

        file.WriteByte(0x2C);
        WriteUInt16(file, left * scale);
        WriteUInt16(file, top * scale);
        WriteUInt16(file, (right - left) * scale);
        WriteUInt16(file, (bottom - top) * scale);
        file.WriteByte(0);

        var drawn = new byte[(right - left) * scale * (bottom - top) * scale];
        int at = 0;
        for (int y = top * scale; y < bottom * scale; y++)
        {
            for (int x = left * scale; x < right * scale; x++)
            {
                int pixel = y / scale * width + x / scale;
                drawn[at++] = shown is not null && shown[pixel] == indices[pixel] ? Unchanged : indices[pixel];
            }
        }

        GifLzw.Write(file, drawn);
    }

    /// <summary>The rectangle that differs from what is shown; one pixel when nothing does.</summary>
    private static (int Left, int Top, int Right, int Bottom) ChangedBox(byte[] indices, byte[]? shown, int width, int height)
    {
        if (shown is null) return (0, 0, width, height);
        int left = width, top = height, right = 0, bottom = 0;
        for (int i = 0; i < indices.Length; i++)
        {
            if (indices[i] == shown[i]) continue;
            int x = i % width, y = i / width;
            (left, top) = (Math.Min(left, x), Math.Min(top, y));
            (right, bottom) = (Math.Max(right, x + 1), Math.Max(bottom, y + 1));
        }

        return right == 0 ? (0, 0, 1, 1) : (left, top, right, bottom);
    }

    private static void WriteUInt16(Stream file, int value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value);
        file.Write(bytes);
    }
}
