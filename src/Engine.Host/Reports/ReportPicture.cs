using System.Buffers.Binary;

namespace Engine.Host.Reports;

/// <summary>A picture of a report: a PNG or GIF file with a caption.</summary>
public sealed class ReportPicture
{
    private ReportPicture(byte[] file, string kind, int width, int height, string caption)
    {
        File = file;
        Kind = kind;
        Width = width;
        Height = height;
        Caption = caption;
    }

    /// <summary>The file's bytes.</summary>
    public byte[] File { get; }

    /// <summary><c>png</c> or <c>gif</c>.</summary>
    public string Kind { get; }

    /// <summary>Width on the page in pixels.</summary>
    public int Width { get; }

    /// <summary>Height on the page in pixels.</summary>
    public int Height { get; }

    /// <summary>Text under it.</summary>
    public string Caption { get; }

    /// <summary>A picture shown <paramref name="scale"/> times as large as it is.</summary>
    /// <exception cref="ArgumentException">The bytes are neither PNG nor GIF.</exception>
    public static ReportPicture From(byte[] pngOrGif, string caption, double scale = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale);
        int width, height;
        string kind;
        if (pngOrGif.Length > 24 && pngOrGif.AsSpan().StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47]))
        {
            kind = "png";
            width = BinaryPrimitives.ReadInt32BigEndian(pngOrGif.AsSpan(16));
            height = BinaryPrimitives.ReadInt32BigEndian(pngOrGif.AsSpan(20));
        }
        else if (pngOrGif.Length > 10 && pngOrGif.AsSpan().StartsWith("GIF8"u8))
        {
            kind = "gif";
            width = BinaryPrimitives.ReadUInt16LittleEndian(pngOrGif.AsSpan(6));
            height = BinaryPrimitives.ReadUInt16LittleEndian(pngOrGif.AsSpan(8));
        }
        else
        {
            throw new ArgumentException($"A picture of a report is a PNG or GIF file; '{caption}' is neither.");
        }

        return new ReportPicture(pngOrGif, kind, (int)Math.Round(width * scale), (int)Math.Round(height * scale), caption);
    }
}
