using Engine.Kernels.Ops.Pixels;
using Engine.Training.Datasets;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Datasets;

public sealed class ImageBatchTests
{
    [Fact]
    public void Every_byte_comes_back()
    {
        var bytes = new byte[2 * 16 * 8 * 3];
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)i;
        using var scope = new TensorScope();
        Tensor images = ImageBatch.FromBytes(bytes, 16, 8);
        Assert.Equal([2, 3, 16, 8], images.Shape);
        Assert.Equal(bytes, Bytes(images));
        Assert.Equal(-1, images.Min().Item(), 1e-6f);
        Assert.Equal(1, images.Max().Item(), 1e-6f);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0)]
    [InlineData(0, -2)]
    [InlineData(-3, 2)]
    [InlineData(9, -9)]
    public void A_shift_moves_the_picture_and_repeats_its_border(int rows, int columns)
    {
        const int height = 5, width = 4;
        var image = new byte[height * width * 3];
        for (int i = 0; i < image.Length; i++) image[i] = (byte)(i * 3 + 1);
        var batch = new ImageBatch(height, width);
        batch.Add(image);
        batch.Add(image, rows, columns);
        using var scope = new TensorScope();
        byte[] got = Bytes(batch.ToTensor());
        Assert.Equal(image, got[..image.Length]);
        for (int r = 0; r < height; r++)
        {
            for (int c = 0; c < width; c++)
            {
                int from = (Math.Clamp(r - rows, 0, height - 1) * width + Math.Clamp(c - columns, 0, width - 1)) * 3;
                Assert.Equal(image.AsSpan(from, 3), got.AsSpan(image.Length + (r * width + c) * 3, 3));
            }
        }
    }

    [Fact]
    public void A_batch_can_be_used_again_and_grows()
    {
        var batch = new ImageBatch(2, 2);
        for (int round = 0; round < 2; round++)
        {
            batch.Clear();
            for (int i = 0; i < 150; i++)
            {
                var image = new byte[12];
                image.AsSpan().Fill((byte)(i + round));
                batch.Add(image);
            }

            using var scope = new TensorScope();
            Assert.Equal(150, batch.Count);
            byte[] got = Bytes(batch.ToTensor());
            for (int i = 0; i < 150; i++) Assert.Equal((byte)(i + round), got[i * 12 + 5]);
        }

        Assert.Throws<ArgumentException>(() => batch.Add(new byte[11]));
    }

    /// <summary>u8 [B, H, W, 3] of a batch.</summary>
    private static byte[] Bytes(Tensor images)
    {
        float[] numbers = images.Permute(0, 2, 3, 1).Contiguous().ToArray();
        var bytes = new byte[numbers.Length];
        Pixels.ToBytes(numbers, bytes);
        return bytes;
    }
}
