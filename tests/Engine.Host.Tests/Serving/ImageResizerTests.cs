using Engine.Host.Serving;

namespace Engine.Host.Tests.Serving;

public sealed class ImageResizerTests
{
    [Fact]
    public void An_image_of_the_right_size_is_copied()
    {
        byte[] image = [.. Enumerable.Range(0, 5 * 4 * 3).Select(i => (byte)(i * 7))], result = new byte[image.Length];
        new ImageResizer(5, 4).Resize(image, 5, 4, result);
        Assert.Equal(image, result);
    }

    [Fact]
    public void Halving_weighs_four_pixels_by_the_triangle()
    {
        // One row of a ramp: the triangle filter of width 4 is symmetric, so a ramp stays a ramp away from the edges.
        byte[] ramp = new byte[16 * 16 * 3];
        for (int i = 0; i < ramp.Length; i++) ramp[i] = (byte)(i / 3 % 16 * 10);
        byte[] half = new byte[8 * 8 * 3];
        new ImageResizer(8, 8).Resize(ramp, 16, 16, half);
        for (int y = 0; y < 8; y++)
            for (int x = 1; x < 7; x++) Assert.Equal(20 * x + 5, half[(y * 8 + x) * 3 + 1]);
    }

    [Fact]
    public void Doubling_interpolates()
    {
        byte[] two = [0, 0, 0, 100, 100, 100, 0, 0, 0, 100, 100, 100];
        byte[] four = new byte[4 * 4 * 3];
        new ImageResizer(4, 4).Resize(two, 2, 2, four);
        for (int y = 0; y < 4; y++) Assert.Equal([0, 25, 75, 100], Enumerable.Range(0, 4).Select(x => (int)four[(y * 4 + x) * 3]));
    }

    [Fact]
    public void Another_aspect_ratio_is_padded_with_black()
    {
        byte[] wide = new byte[4 * 8 * 3];
        Array.Fill(wide, (byte)200);
        byte[] square = new byte[8 * 8 * 3];
        Array.Fill(square, (byte)1);
        new ImageResizer(8, 8).Resize(wide, 4, 8, square);
        for (int i = 0; i < square.Length; i++) Assert.Equal(i / 24 is >= 2 and < 6 ? 200 : 0, square[i]);
    }

    [Theory]
    [InlineData(480, 640)]
    [InlineData(1, 1)]
    [InlineData(3, 1000)]
    public void A_constant_image_stays_constant(int height, int width)
    {
        byte[] image = new byte[height * width * 3];
        Array.Fill(image, (byte)77);
        byte[] result = new byte[24 * 24 * 3];
        var resizer = new ImageResizer(24, 24);
        for (int round = 0; round < 2; round++) resizer.Resize(image, height, width, result);
        Assert.Contains((byte)77, result);
        Assert.All(result, b => Assert.True(b is 0 or 77));
    }

    [Fact]
    public void Wrong_lengths_are_refused()
    {
        var resizer = new ImageResizer(2, 2);
        Assert.Throws<ArgumentException>(() => resizer.Resize(new byte[11], 2, 2, new byte[12]));
        Assert.Throws<ArgumentException>(() => resizer.Resize(new byte[12], 2, 2, new byte[11]));
        Assert.Throws<ArgumentException>(() => resizer.Resize([], 0, 2, new byte[12]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ImageResizer(0, 2));
    }
}
