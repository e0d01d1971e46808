using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Threading;
using Engine.Runtime.Autoencoding;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Tests.Autoencoding;

public class AutoencoderTests
{
    [Theory]
    [InlineData(24, 4, 64, 64)]
    [InlineData(8, 4, 16, 40)]
    [InlineData(4, 3, 8, 8)]
    public void Both_directions_are_right(int width, int channels, int rows, int columns)
    {
        var weights = RandomAutoencoder.Weights(width, channels);
        using var autoencoder = Autoencoder.Load(weights, rows, columns);
        var plain = new PlainAutoencoder(weights);
        float[] image = Images(autoencoder, 1), latents = Latents(autoencoder, 1);
        float[] encoded = new float[latents.Length], decoded = new float[image.Length];
        autoencoder.Encode(image, encoded);
        autoencoder.Decode(latents, decoded);
        float[] expectedLatents = plain.Encode(image, rows, columns), expectedImage = plain.Decode(latents, autoencoder.Rows, autoencoder.Columns);
        Near(expectedLatents, encoded);
        Near(expectedImage, decoded);

        // Nothing is compared that went to zero on its way.
        Assert.InRange(expectedLatents.Average(MathF.Abs), 0.1f, 10f);
        Assert.InRange(expectedImage.Average(MathF.Abs), 0.1f, 10f);

        static void Near(float[] expected, float[] actual)
        {
            for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-4f);
        }
    }

    [Fact]
    public void Bytes_are_the_numbers_rounded()
    {
        using var autoencoder = Autoencoder.Load(RandomAutoencoder.Weights(8, 4), 16, 24);
        byte[] bytes = [.. Enumerable.Range(0, 3 * autoencoder.ImageNumbers).Select(i => (byte)(i * 31))];
        float[] latents = autoencoder.Encode(bytes), same = new float[latents.Length], numbers = new float[bytes.Length];
        autoencoder.Encode(Array.ConvertAll(bytes, b => b * (float)(1 / 127.5) - 1f), same);
        Assert.Equal(same, latents);
        autoencoder.Decode(latents, numbers);
        Assert.Equal(Array.ConvertAll(numbers, n => (byte)(Math.Clamp(n, -1f, 1f) * 127.5f + 128f)), autoencoder.Decode(latents));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void An_image_gives_the_same_bits_whatever_the_batch_and_the_threads(int threads)
    {
        const int Count = 7;
        var weights = RandomAutoencoder.Weights(24, 4);
        using var one = new WorkerPool(1);
        using var pool = new WorkerPool(threads);
        using Autoencoder alone = Autoencoder.Load(weights, 24, 32, one), autoencoder = Autoencoder.Load(weights, 24, 32, pool);
        float[] images = Images(alone, Count), latents = Latents(alone, Count);
        float[] encoded = new float[latents.Length], decoded = new float[images.Length];
        for (int i = 0; i < Count; i++)
        {
            alone.Encode(images.AsSpan(i * alone.ImageNumbers, alone.ImageNumbers), encoded.AsSpan(i * alone.LatentNumbers, alone.LatentNumbers));
            alone.Decode(latents.AsSpan(i * alone.LatentNumbers, alone.LatentNumbers), decoded.AsSpan(i * alone.ImageNumbers, alone.ImageNumbers));
        }

        for (int count = 1; count <= Count; count++)
        {
            float[] all = new float[count * alone.LatentNumbers], back = new float[count * alone.ImageNumbers];
            autoencoder.Encode(images.AsSpan(0, count * alone.ImageNumbers), all);
            autoencoder.Decode(latents.AsSpan(0, count * alone.LatentNumbers), back);
            Assert.Equal(encoded[..all.Length], all);
            Assert.Equal(decoded[..back.Length], back);
        }
    }

    [Fact]
    public void A_call_allocates_nothing()
    {
        using var pool = new WorkerPool(1);
        using var autoencoder = Autoencoder.Load(RandomAutoencoder.Weights(8, 4), 16, 16, pool);
        byte[] images = new byte[3 * autoencoder.ImageNumbers];
        float[] latents = new float[3 * autoencoder.LatentNumbers];
        autoencoder.Encode(images, latents);
        autoencoder.Decode(latents, images);
        long before = GC.GetAllocatedBytesForCurrentThread();
        autoencoder.Encode(images, latents);
        autoencoder.Decode(latents, images);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public async Task Several_threads_may_use_one()
    {
        using var autoencoder = Autoencoder.Load(RandomAutoencoder.Weights(8, 4), 16, 16);
        float[] latents = Latents(autoencoder, 4);
        byte[] expected = autoencoder.Decode(latents);
        await Parallel.ForEachAsync(Enumerable.Range(0, 40), (_, _) =>
        {
            Assert.Equal(expected, autoencoder.Decode(latents));
            return ValueTask.CompletedTask;
        });
    }

    [Fact]
    public void A_file_that_does_not_fit_is_refused_by_name()
    {
        var good = RandomAutoencoder.Weights(8, 4);
        Fails("'decoder.6.bias'", weights => weights.Remove("decoder.6.bias"));
        Fails("'encoder.0.weight'", weights => weights.Remove("encoder.0.weight"));
        Fails("'extra'", weights => weights["extra"] = NamedArray.Scalar(1f));
        Fails("[8, 8, 3, 3]", weights => weights["decoder.6.weight"] = NamedArray.FromFloat32(new float[8 * 8], 8, 8, 1, 1));
        Fails("'latent_std'", weights => weights["latent_std"] = NamedArray.FromFloat32([1, 1, 0, 1], 1, 4, 1, 1));
        Fails("NaN", weights => weights["decoder.7.bias"] = NamedArray.FromFloat32([.. new float[11], float.NaN], 12));
        Fails("multiple of 4", weights => weights["encoder.0.weight"] = NamedArray.FromFloat32(new float[6 * 3 * 16], 6, 3, 4, 4));

        void Fails(string expected, Action<Dictionary<string, NamedArray>> damage)
        {
            var weights = new Dictionary<string, NamedArray>(good);
            damage(weights);
            Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => Autoencoder.Load(weights, 16, 16)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Wrong_sizes_are_named()
    {
        var weights = RandomAutoencoder.Weights(8, 4);
        Assert.Contains("20 × 16", Assert.Throws<ArgumentException>(() => Autoencoder.Load(weights, 20, 16)).Message, StringComparison.Ordinal);
        using var autoencoder = Autoencoder.Load(weights, 16, 16);
        Assert.Contains("16 × 16 × 3", Assert.Throws<ArgumentException>(() => autoencoder.Encode(new byte[767], new float[16])).Message, StringComparison.Ordinal);
        Assert.Contains("2 × 2 × 2 × 4", Assert.Throws<ArgumentException>(() => autoencoder.Decode(new float[16], new byte[2 * 768])).Message, StringComparison.Ordinal);
        Assert.Contains("2 × 2 × 4", Assert.Throws<ArgumentException>(() => autoencoder.Decode(new float[17])).Message, StringComparison.Ordinal);
    }

    private static float[] Images(Autoencoder autoencoder, int count) => Normal(count * autoencoder.ImageNumbers, 1, 0.5f);

    private static float[] Latents(Autoencoder autoencoder, int count) => Normal(count * autoencoder.LatentNumbers, 2, 1f);

    private static float[] Normal(int count, uint name, float scale)
    {
        var values = new float[count];
        Philox.FillNormal(values, new PhiloxKey(12, PhiloxStream.Latent, name));
        return Array.ConvertAll(values, v => scale * v);
    }
}
