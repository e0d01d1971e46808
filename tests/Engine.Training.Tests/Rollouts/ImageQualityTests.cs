using Engine.Training.Rollouts;

namespace Engine.Training.Tests.Rollouts;

public sealed class ImageQualityTests
{
    [Fact]
    public void Peak_signal_to_noise_ratio_has_its_known_values()
    {
        byte[] a = [.. Enumerable.Repeat((byte)100, 48)], b = [.. Enumerable.Repeat((byte)110, 48)];
        Assert.Equal(100, ImageQuality.Psnr(a, a));
        Assert.Equal(20 * Math.Log10(25.5), ImageQuality.Psnr(a, b), 1e-9);
        Assert.Equal(0, ImageQuality.Psnr(new byte[48], [.. Enumerable.Repeat((byte)255, 48)]), 1e-9);
        b = [.. a];
        b[5] = 103;
        Assert.Equal(10 * Math.Log10(255.0 * 255.0 * 48 / 9), ImageQuality.Psnr(a, b), 1e-9);
        Assert.Throws<ArgumentException>(() => ImageQuality.Psnr(a, b.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => ImageQuality.Psnr([], []));
    }

    [Fact]
    public void Structural_similarity_has_its_known_values()
    {
        const int side = 16;
        var flat = Grey((r, c) => 100);
        var other = Grey((r, c) => 150);
        Assert.Equal(1, ImageQuality.Ssim(flat, flat, side, side), 1e-9);
        // Without variance only the first factor is left: (2·μν + C1)/(μ² + ν² + C1).
        double c1 = Math.Pow(0.01 * 255, 2);
        Assert.Equal((2 * 100 * 150 + c1) / (100 * 100 + 150 * 150 + c1), ImageQuality.Ssim(flat, other, side, side), 1e-6);
        // A chequerboard and its negative have equal means and opposite signs: (−2σ² + C2)/(2σ² + C2).
        var board = Grey((r, c) => (r + c) % 2 == 0 ? 100 : 140);
        var negative = Grey((r, c) => (r + c) % 2 == 0 ? 140 : 100);
        double c2 = Math.Pow(0.03 * 255, 2), variance = 400;
        Assert.Equal((-2 * variance + c2) / (2 * variance + c2), ImageQuality.Ssim(board, negative, side, side), 1e-6);
        Assert.Throws<ArgumentException>(() => ImageQuality.Ssim(flat, flat, side, side - 1));
        Assert.Throws<ArgumentException>(() => ImageQuality.Ssim(new byte[4 * 4 * 3], new byte[4 * 4 * 3], 4, 4));

        static byte[] Grey(Func<int, int, int> value) => [.. Enumerable.Range(0, side * side).SelectMany(i => Enumerable.Repeat((byte)value(i / side, i % side), 3))];
    }
}
