namespace Engine.Training.Rollouts;

/// <summary>How near two images are. Images are u8, [H, W, 3].</summary>
public static class ImageQuality
{
    /// <summary>Peak signal-to-noise ratio (dB) against 255; 100 for equal images.</summary>
    public static double Psnr(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        if (a.Length != b.Length || a.IsEmpty) throw new ArgumentException($"images have {a.Length} and {b.Length} bytes; they must agree and not be empty.");
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            double d = a[i] - b[i];
            sum += d * d;
        }

        return sum == 0 ? 100 : Math.Min(100, 10 * Math.Log10(255.0 * 255.0 * a.Length / sum));
    }

    /// <summary>
    /// Structural similarity of the luma (Wang et al., IEEE TIP 2004) with 8×8 windows at stride 4, K1 0.01, K2 0.03; 1 for equal images.
    /// </summary>
    public static double Ssim(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b, int height, int width)
    {
        const int window = 8, stride = 4;
        if (a.Length != height * width * 3 || b.Length != a.Length) throw new ArgumentException($"images have {a.Length} and {b.Length} bytes; expected {height}×{width}×3.");
        if (height < window || width < window) throw new ArgumentException($"images are {height}×{width}; SSIM needs {window}×{window} or more.");
        const double c1 = 0.01 * 255 * 0.01 * 255, c2 = 0.03 * 255 * 0.03 * 255;
        double total = 0;
        int count = 0;
        for (int r = 0; r + window <= height; r += stride)
        {
            for (int c = 0; c + window <= width; c += stride)
            {
                double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
                for (int y = r; y < r + window; y++)
                {
                    for (int x = c; x < c + window; x++)
                    {
                        double va = Luma(a, (y * width + x) * 3), vb = Luma(b, (y * width + x) * 3);
                        sa += va;
                        sb += vb;
                        saa += va * va;
                        sbb += vb * vb;
                        sab += va * vb;
                    }
                }

                const double n = window * window;
                double ma = sa / n, mb = sb / n, varA = saa / n - ma * ma, varB = sbb / n - mb * mb, covariance = sab / n - ma * mb;
                total += (2 * ma * mb + c1) * (2 * covariance + c2) / ((ma * ma + mb * mb + c1) * (varA + varB + c2));
                count++;
            }
        }

        return total / count;
    }

    private static double Luma(ReadOnlySpan<byte> image, int at) => 0.299 * image[at] + 0.587 * image[at + 1] + 0.114 * image[at + 2];
}
