namespace Engine.Host.Reports;

/// <summary>A picture to draw on: u8 RGB, row-major [Height, Width, 3], top-left origin. What is drawn outside is cut off.</summary>
public sealed class RgbImage
{
    /// <summary>A picture of one colour.</summary>
    public RgbImage(int width, int height, Rgb background = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        Width = width;
        Height = height;
        Pixels = new byte[checked(width * height * 3)];
        if (background != default) Fill(0, 0, width, height, background);
    }

    /// <summary>A picture over the given bytes (not copied).</summary>
    public RgbImage(byte[] pixels, int width, int height)
    {
        Check(pixels.Length, width, height);
        Pixels = pixels;
        Width = width;
        Height = height;
    }

    public int Width { get; }

    public int Height { get; }

    /// <summary>Bytes [Height, Width, 3].</summary>
    public byte[] Pixels { get; }

    /// <summary>Fills a rectangle.</summary>
    public void Fill(int left, int top, int width, int height, Rgb colour)
    {
        int right = Math.Min(left + width, Width), bottom = Math.Min(top + height, Height);
        for (int y = Math.Max(top, 0); y < bottom; y++)
        {
            for (int x = Math.Max(left, 0); x < right; x++) Set(x, y, colour);
        }
    }

    /// <summary>Draws the outline of a rectangle, <paramref name="thickness"/> pixels wide, inside of it.</summary>
    public void Frame(int left, int top, int width, int height, int thickness, Rgb colour)
    {
        Fill(left, top, width, thickness, colour);
        Fill(left, top + height - thickness, width, thickness, colour);
        Fill(left, top, thickness, height, colour);
        Fill(left + width - thickness, top, thickness, height, colour);
    }

    /// <summary>Draws a picture, u8 [height, width, 3], every pixel as a square of <paramref name="scale"/>.</summary>
    public void Draw(ReadOnlySpan<byte> rgb, int width, int height, int left, int top, int scale = 1)
    {
        Check(rgb.Length, width, height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int at = (y * width + x) * 3;
                Fill(left + x * scale, top + y * scale, scale, scale, new Rgb(rgb[at], rgb[at + 1], rgb[at + 2]));
            }
        }
    }

    /// <summary>Writes text in <see cref="BitmapFont"/>.</summary>
    public void Text(string text, int left, int top, Rgb colour, int scale = 1)
    {
        foreach (char letter in text)
        {
            for (int y = 0; y < BitmapFont.Height; y++)
            {
                for (int x = 0; x < BitmapFont.Width; x++)
                {
                    if (BitmapFont.IsSet(letter, x, y)) Fill(left + x * scale, top + y * scale, scale, scale, colour);
                }
            }

            left += BitmapFont.Advance * scale;
        }
    }

    /// <summary>The picture as a PNG file.</summary>
    public byte[] ToPng() => Png.Encode(Pixels, Width, Height);

    internal static void Check(int bytes, int width, int height)
    {
        if (width <= 0 || height <= 0) throw new ArgumentException($"A picture needs at least one pixel; it is {width}×{height}.");
        if ((long)width * height * 3 != bytes)
            throw new ArgumentException($"An RGB picture of {width}×{height} has {(long)width * height * 3} bytes; there are {bytes}.");
    }

    private void Set(int x, int y, Rgb colour)
    {
        int at = (y * Width + x) * 3;
        Pixels[at] = colour.R;
        Pixels[at + 1] = colour.G;
        Pixels[at + 2] = colour.B;
    }
}
