namespace Engine.Host.Tests.Reports;

/// <summary>Pictures to encode: noise, a smooth gradient, a small square that moves.</summary>
internal static class TestPictures
{
    public static byte[] Noise(int width, int height, ulong seed)
    {
        // A linear congruential generator is enough for bytes that do not compress.
        var pixels = new byte[width * height * 3];
        ulong state = seed * 2 + 1;
        for (int i = 0; i < pixels.Length; i++)
        {
            state = state * 6364136223846793005 + 1442695040888963407;
            pixels[i] = (byte)(state >> 56);
        }

        return pixels;
    }

    public static byte[] Gradient(int width, int height)
    {
        var pixels = new byte[width * height * 3];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int at = (y * width + x) * 3;
                pixels[at] = (byte)(255 * x / Math.Max(1, width - 1));
                pixels[at + 1] = (byte)(255 * y / Math.Max(1, height - 1));
                pixels[at + 2] = (byte)(128 + 127 * Math.Sin((x + y) * 0.1));
            }
        }

        return pixels;
    }

    public static byte[] Square(int width, int height, int left, int top, int size)
    {
        var pixels = new byte[width * height * 3];
        Array.Fill(pixels, (byte)40);
        for (int y = top; y < Math.Min(top + size, height); y++)
        {
            for (int x = left; x < Math.Min(left + size, width); x++) pixels[(y * width + x) * 3] = 250;
        }

        return pixels;
    }

    public static double Psnr(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
        return 10 * Math.Log10(255.0 * 255.0 * a.Length / sum);
    }
}
