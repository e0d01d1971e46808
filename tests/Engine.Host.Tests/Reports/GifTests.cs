using System.Text;
using Engine.Host.Reports;

namespace Engine.Host.Tests.Reports;

public class GifTests
{
    [Fact]
    public void Few_colours_come_back_exactly_frame_by_frame()
    {
        var frames = Enumerable.Range(0, 6).Select(i => TestPictures.Square(20, 14, i * 3, i, 5)).ToList();
        Assert.Equal(frames.SelectMany(frame => frame), Ffmpeg.Decode(Gif.Encode(frames, 20, 14, 100), "gif"));
    }

    [Fact]
    public void A_frame_like_the_one_before_and_a_picture_of_one_pixel_are_fine()
    {
        byte[] still = TestPictures.Square(9, 9, 2, 2, 3);
        Assert.Equal(still.Concat(still), Ffmpeg.Decode(Gif.Encode([still, still], 9, 9, 100), "gif"));
        Assert.Equal([9, 8, 7], Ffmpeg.Decode(Gif.Encode([[9, 8, 7]], 1, 1, 100), "gif"));
    }

    [Theory]
    [InlineData(40, 25)]
    [InlineData(128, 128)]
    [InlineData(333, 217)]
    public void Noise_exercises_every_code_width_and_the_table_resets(int width, int height)
    {
        // 200 greys: exact in the palette, and random enough to fill the code table several times.
        byte[] grey = TestPictures.Noise(width, height, 5);
        for (int i = 0; i < grey.Length; i += 3) grey[i] = grey[i + 1] = grey[i + 2] = (byte)(grey[i] % 200);
        Assert.Equal(grey, Ffmpeg.Decode(Gif.Encode([grey], width, height, 100), "gif"));
    }

    [Fact]
    public void Many_colours_keep_a_good_likeness()
    {
        byte[] gradient = TestPictures.Gradient(96, 96);
        byte[] decoded = Ffmpeg.Decode(Gif.Encode([gradient], 96, 96, 100), "gif");
        Assert.InRange(TestPictures.Psnr(gradient, decoded), 30, double.PositiveInfinity);
    }

    [Fact]
    public void Scaling_repeats_pixels()
    {
        byte[] scaled = Ffmpeg.Decode(Gif.Encode([[10, 20, 30, 200, 100, 50]], 2, 1, 100, scale: 3), "gif");
        byte[] row = [10, 20, 30, 10, 20, 30, 10, 20, 30, 200, 100, 50, 200, 100, 50, 200, 100, 50];
        Assert.Equal(row.Concat(row).Concat(row), scaled);
    }

    [Fact]
    public void It_loops_and_keeps_its_times()
    {
        byte[] one = TestPictures.Square(8, 8, 1, 1, 2), two = TestPictures.Square(8, 8, 4, 4, 2);
        byte[] file = Gif.Encode([one, two], 8, 8, delayMs: 200, holdMs: 800);
        Assert.Equal("GIF89a", Encoding.ASCII.GetString(file, 0, 6));
        Assert.Contains("NETSCAPE2.0", Encoding.ASCII.GetString(file), StringComparison.Ordinal);
        var delays = Enumerable.Range(0, file.Length - 8).Where(i => file[i] == 0x21 && file[i + 1] == 0xF9 && file[i + 2] == 4)
            .Select(i => file[i + 4] | file[i + 5] << 8);
        Assert.Equal([20, 100], delays);
        Assert.Equal(0x3B, file[^1]);
    }

    [Fact]
    public void Wrong_input_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Gif.Encode([], 2, 2, 100));
        Assert.Throws<ArgumentException>(() => Gif.Encode([new byte[12], new byte[11]], 2, 2, 100));
        Assert.Throws<ArgumentOutOfRangeException>(() => Gif.Encode([new byte[12]], 2, 2, 0));
    }
}
