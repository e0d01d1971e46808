using Engine.Host.Reports;

namespace Engine.Host.Tests.Reports;

public class ContactSheetTests
{
    [Fact]
    public void Pictures_stand_in_strips_under_their_captions()
    {
        byte[] red = Solid(4, 3, 200, 0, 0), blue = Solid(4, 3, 0, 0, 200);
        var sheet = ContactSheet.Draw([new("first", [red, blue], Rgb.Green), new("second", [blue])], 4, 3, scale: 2);
        var colours = Enumerable.Range(0, sheet.Width * sheet.Height).Select(i => (sheet.Pixels[i * 3], sheet.Pixels[i * 3 + 1], sheet.Pixels[i * 3 + 2])).ToList();
        Assert.Equal(4 * 3 * 4, colours.Count(colour => colour == (200, 0, 0)));
        Assert.Equal(2 * 4 * 3 * 4, colours.Count(colour => colour == (0, 0, 200)));
        Assert.Equal(64, colours.Count(colour => colour == (Rgb.Green.R, Rgb.Green.G, Rgb.Green.B)));
        Assert.Equal(sheet.Pixels, Ffmpeg.Decode(sheet.ToPng(), "png"));
    }

    [Fact]
    public void A_picture_of_another_size_is_refused()
    {
        Assert.Throws<ArgumentException>(() => ContactSheet.Draw([new("x", [new byte[3]])], 4, 3));
        Assert.Throws<ArgumentException>(() => ContactSheet.Draw([], 4, 3));
    }

    [Fact]
    public void Every_printable_letter_has_a_shape_of_its_own()
    {
        var shapes = new HashSet<string>();
        for (char letter = ' '; letter <= '~'; letter++)
        {
            var picture = new RgbImage(6, 8);
            picture.Text(letter.ToString(), 0, 0, Rgb.White);
            Assert.True(shapes.Add(Convert.ToHexString(picture.Pixels)), $"'{letter}' looks like another letter");
        }
    }

    [Fact]
    public void Films_beside_each_other_play_together()
    {
        byte[] red = Solid(16, 8, 200, 0, 0), blue = Solid(16, 8, 0, 0, 200), green = Solid(16, 8, 0, 200, 0);
        byte[] gif = Animation.Beside([("a", [red, blue, red]), ("", [green])], 16, 8, scale: 1, delayMs: 100);
        byte[] frames = Ffmpeg.Decode(gif, "gif");
        int width = 16 * 2 + 4, height = 8 + 12;
        Assert.Equal(3 * width * height * 3, frames.Length);
        (byte, byte, byte) At(int frame, int x, int y)
        {
            int at = ((frame * height + y) * width + x) * 3;
            return (frames[at], frames[at + 1], frames[at + 2]);
        }

        Assert.Equal((200, 0, 0), At(0, 8, 15));
        Assert.Equal((0, 0, 200), At(1, 8, 15));
        Assert.Equal((200, 0, 0), At(2, 8, 15));
        for (int frame = 0; frame < 3; frame++) Assert.Equal((0, 200, 0), At(frame, 28, 15));
        Assert.Throws<ArgumentException>(() => Animation.Beside([("a", [])], 16, 8));
    }

    private static byte[] Solid(int width, int height, byte r, byte g, byte b) =>
        Enumerable.Range(0, width * height).SelectMany(_ => new[] { r, g, b }).ToArray();
}
