using Engine.Training.Torch;

namespace Engine.Training.Datasets;

/// <summary>Gathers u8 images [H, W, 3] into a float tensor [B, 3, H, W] in [−1, 1], channels last in memory; reused from batch to batch.</summary>
public sealed class ImageBatch(int height, int width)
{
    private byte[] _bytes = [];

    /// <summary>Images gathered since the last <see cref="Clear"/>.</summary>
    public int Count { get; private set; }

    private int Stride => height * width * 3;

    public void Clear() => Count = 0;

    /// <summary>
    /// Adds an image, moved by (<paramref name="rows"/>, <paramref name="columns"/>) pixels; the border repeats
    /// (random shift augmentation, Yarats et al., arXiv 2004.13649).
    /// </summary>
    public void Add(ReadOnlySpan<byte> image, int rows = 0, int columns = 0)
    {
        if (image.Length != Stride) throw new ArgumentException($"image has {image.Length} bytes; expected {height}×{width}×3.", nameof(image));
        if (_bytes.Length < (Count + 1) * Stride) Array.Resize(ref _bytes, Math.Max(64, 2 * Count) * Stride);
        var target = _bytes.AsSpan(Count * Stride, Stride);
        Count++;
        if (rows == 0 && columns == 0)
        {
            image.CopyTo(target);
            return;
        }

        for (int r = 0; r < height; r++)
        {
            var source = image.Slice(Math.Clamp(r - rows, 0, height - 1) * width * 3, width * 3);
            var line = target.Slice(r * width * 3, width * 3);
            for (int c = 0; c < width; c++)
            {
                int from = Math.Clamp(c - columns, 0, width - 1) * 3;
                line[3 * c] = source[from];
                line[3 * c + 1] = source[from + 1];
                line[3 * c + 2] = source[from + 2];
            }
        }
    }

    /// <summary>[B, 3, H, W] in [−1, 1].</summary>
    public Tensor ToTensor() => FromBytes(_bytes.AsSpan(0, Count * Stride), height, width);

    /// <summary>[B, 3, H, W] in [−1, 1] of u8 images [B, H, W, 3].</summary>
    public static Tensor FromBytes(ReadOnlySpan<byte> images, int height, int width) =>
        FromTensor(Tensor.FromSpan(images, images.Length / (height * width * 3), height, width, 3));

    /// <summary>[B, 3, H, W] in [−1, 1] of a u8 tensor [B, H, W, 3], on its device.</summary>
    public static Tensor FromTensor(Tensor images) => images.Permute(0, 3, 1, 2).To(ScalarType.Float32) * (1 / 127.5) - 1.0;

    /// <summary>A u8 tensor [B, H, W, 3], rounded and clipped, of images [B, 3, H, W] in [−1, 1], on their device.</summary>
    public static Tensor ToBytes(Tensor images) => (images.Clamp(-1, 1) * 127.5 + 128.0).To(ScalarType.UInt8).Permute(0, 2, 3, 1).Contiguous();
}
