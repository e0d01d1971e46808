using Engine.Runtime.Weights;

namespace Engine.Runtime.Tests.Autoencoding;

/// <summary>The autoencoder written out layer by layer from its state dict, channels first and in double: the oracle.</summary>
internal sealed class PlainAutoencoder(IReadOnlyDictionary<string, NamedArray> weights)
{
    private sealed record Image(int Channels, int Height, int Width)
    {
        public double[] Values { get; } = new double[Channels * Height * Width];

        public double this[int c, int y, int x]
        {
            get => y < 0 || y >= Height || x < 0 || x >= Width ? 0 : Values[(c * Height + y) * Width + x];
            set => Values[(c * Height + y) * Width + x] = value;
        }

        public static Image From(ReadOnlySpan<float> channelsLast, int height, int width)
        {
            var image = new Image(channelsLast.Length / (height * width), height, width);
            for (int i = 0; i < channelsLast.Length; i++) image[i % image.Channels, i / image.Channels / width, i / image.Channels % width] = channelsLast[i];
            return image;
        }

        public float[] ToChannelsLast()
        {
            var result = new float[Values.Length];
            for (int i = 0; i < result.Length; i++) result[i] = (float)this[i % Channels, i / Channels / Width, i / Channels % Width];
            return result;
        }

        public Image Map(Func<int, double, double> function)
        {
            var result = new Image(Channels, Height, Width);
            for (int i = 0; i < Values.Length; i++) result.Values[i] = function(i, Values[i]);
            return result;
        }
    }

    public float[] Encode(ReadOnlySpan<float> image, int height, int width)
    {
        var x = Silu(Convolution(Image.From(image, height, width), "encoder.0", 2, 1));
        x = Silu(Residual(Convolution(x, "encoder.1", 2, 1), "encoder.2"));
        x = Silu(Residual(Convolution(x, "encoder.3", 2, 1), "encoder.4"));
        var moments = Convolution(x, "encoder.5", 1, 0);
        var latents = new Image(moments.Channels / 2, moments.Height, moments.Width);
        Array.Copy(moments.Values, latents.Values, latents.Values.Length);
        int plane = latents.Height * latents.Width;
        return latents.Map((i, v) => (v - Of("latent_mean")[i / plane]) / Of("latent_std")[i / plane]).ToChannelsLast();
    }

    public float[] Decode(ReadOnlySpan<float> latents, int rows, int columns)
    {
        var x = Image.From(latents, rows, columns).Map((i, v) => v * Of("latent_std")[i / (rows * columns)] + Of("latent_mean")[i / (rows * columns)]);
        x = Shuffle(Convolution(Residual(Convolution(x, "decoder.0", 1, 1), "decoder.1"), "decoder.2", 1, 0));
        x = Silu(Shuffle(Convolution(Residual(Convolution(x, "decoder.3", 1, 1), "decoder.4"), "decoder.5", 1, 0)));
        return Shuffle(Convolution(Silu(Convolution(x, "decoder.6", 1, 1)), "decoder.7", 1, 1)).ToChannelsLast();
    }

    private float[] Of(string name) => weights[name].ToFloat32();

    private Image Convolution(Image x, string name, int stride, int padding)
    {
        var (weight, bias, shape) = (Of(name + ".weight"), Of(name + ".bias"), weights[name + ".weight"].Shape);
        int kernel = (int)shape[2];
        var result = new Image((int)shape[0], (x.Height + 2 * padding - kernel) / stride + 1, (x.Width + 2 * padding - kernel) / stride + 1);
        for (int at = 0; at < result.Values.Length; at++)
        {
            int o = at / (result.Height * result.Width), top = at / result.Width % result.Height * stride - padding, left = at % result.Width * stride - padding;
            double sum = bias[o];
            for (int i = 0; i < weight.Length / shape[0]; i++) sum += weight[o * (weight.Length / shape[0]) + i] * x[i / (kernel * kernel), top + i / kernel % kernel, left + i % kernel];
            result.Values[at] = sum;
        }

        return result;
    }

    private Image Residual(Image x, string name)
    {
        var (scale, shift) = (Of(name + ".norm.weight"), Of(name + ".norm.bias"));
        int plane = x.Height * x.Width, group = x.Values.Length / 8;
        double[] means = [.. x.Values.Chunk(group).Select(g => g.Average())];
        double[] deviations = [.. x.Values.Chunk(group).Select((g, n) => Math.Sqrt(g.Average(v => Math.Pow(v - means[n], 2)) + 1e-5))];
        var normal = x.Map((i, v) => (v - means[i / group]) / deviations[i / group] * scale[i / plane] + shift[i / plane]);
        var branch = Convolution(Silu(Convolution(Silu(normal), name + ".spatial", 1, 1)), name + ".mix", 1, 0);
        return x.Map((i, v) => v + branch.Values[i]);
    }

    private static Image Silu(Image x) => x.Map((_, v) => v / (1 + Math.Exp(-v)));

    private static Image Shuffle(Image x)
    {
        var result = new Image(x.Channels / 4, 2 * x.Height, 2 * x.Width);
        for (int i = 0; i < result.Values.Length; i++)
        {
            int c = i / (result.Height * result.Width), y = i / result.Width % result.Height, k = i % result.Width;
            result.Values[i] = x[4 * c + y % 2 * 2 + k % 2, y / 2, k / 2];
        }

        return result;
    }
}
