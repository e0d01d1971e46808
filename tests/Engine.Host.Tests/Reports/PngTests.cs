using System.Buffers.Binary;
using System.IO.Compression;
using Engine.Host.Reports;

namespace Engine.Host.Tests.Reports;

public class PngTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 5)]
    [InlineData(64, 64)]
    [InlineData(1, 200)]
    [InlineData(255, 3)]
    public void Every_pixel_comes_back_from_another_reader(int width, int height)
    {
        byte[] noise = TestPictures.Noise(width, height, 3);
        Assert.Equal(noise, Ffmpeg.Decode(Png.Encode(noise, width, height), "png"));
        byte[] gradient = TestPictures.Gradient(width, height);
        Assert.Equal(gradient, Ffmpeg.Decode(Png.Encode(gradient, width, height), "png"));
    }

    [Fact]
    public void The_file_is_what_the_specification_says()
    {
        byte[] file = Png.Encode([255, 0, 0, 0, 255, 0], 2, 1);
        Assert.Equal([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], file[..8]);
        Assert.Equal(13, BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(8)));
        Assert.Equal("IHDR"u8.ToArray(), file[12..16]);
        Assert.Equal(2, BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(16)));
        Assert.Equal(1, BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(20)));
        int length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(33));
        Assert.Equal("IDAT"u8.ToArray(), file[37..41]);
        using var inflate = new ZLibStream(new MemoryStream(file, 41, length), CompressionMode.Decompress);
        using var row = new MemoryStream();
        inflate.CopyTo(row);
        Assert.Equal(7, row.Length);
        // The end of every PNG, with its well-known check sum.
        Assert.Equal([0, 0, 0, 0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82], file[^12..]);
    }

    [Fact]
    public void Smooth_pictures_are_small()
    {
        byte[] gradient = TestPictures.Gradient(128, 128);
        Assert.InRange(Png.Encode(gradient, 128, 128).Length, 100, gradient.Length / 4);
    }

    [Theory]
    [InlineData(2, 2, 11)]
    [InlineData(0, 2, 0)]
    [InlineData(-1, -1, 3)]
    public void A_wrong_size_is_refused(int width, int height, int bytes) =>
        Assert.Throws<ArgumentException>(() => Png.Encode(new byte[bytes], width, height));
}
