using Engine.Training.Torch;

namespace Engine.Training.Tests.Torch;

public sealed class FunctionalTests : IDisposable
{
    private readonly TensorScope _scope = new();

    public void Dispose() => _scope.Dispose();

    private static float[] Ramp(int n, double scale = 0.37) => [.. Enumerable.Range(0, n).Select(i => (float)Math.Sin(scale * i + 0.2))];

    [Fact]
    public void Linear_multiplies_by_the_transpose()
    {
        Tensor x = Expect.Of([1, 2], 1, 2), w = Expect.Of([1, 0, 3, -1, 2, 2], 3, 2);
        Expect.Equal([1, 3], [1, 1, 6], Functional.Linear(x, w));
        Expect.Equal([1, 3], [11, 21, 36], Functional.Linear(x, w, Expect.Of([10, 20, 30])));
    }

    [Theory]
    [InlineData(1, 1, 1, 0)]
    [InlineData(3, 1, 1, 1)]
    [InlineData(3, 2, 2, 1)]
    [InlineData(4, 2, 2, 0)]
    public void Convolution_is_the_sum_over_the_window(int kernel, int stride, int count, int padding)
    {
        const int channels = 2, outputs = 3, size = 6;
        float[] x = Ramp(count * channels * size * size), w = Ramp(outputs * channels * kernel * kernel, 0.9), b = [1, -1, 0.5f];
        int side = (size + 2 * padding - kernel) / stride + 1;
        var expected = new float[count * outputs * side * side];
        for (int n = 0; n < count; n++)
            for (int o = 0; o < outputs; o++)
                for (int i = 0; i < side; i++)
                    for (int j = 0; j < side; j++)
                    {
                        double sum = b[o];
                        for (int c = 0; c < channels; c++)
                            for (int u = 0; u < kernel; u++)
                                for (int v = 0; v < kernel; v++)
                                {
                                    int row = i * stride + u - padding, column = j * stride + v - padding;
                                    if (row < 0 || row >= size || column < 0 || column >= size) continue;
                                    sum += (double)x[((n * channels + c) * size + row) * size + column] * w[((o * channels + c) * kernel + u) * kernel + v];
                                }

                        expected[((n * outputs + o) * side + i) * side + j] = (float)sum;
                    }

        Tensor input = Expect.Of(x, count, channels, size, size), weight = Expect.Of(w, outputs, channels, kernel, kernel), bias = Expect.Of(b);
        long[] shape = [count, outputs, side, side];
        Expect.Equal(shape, expected, Functional.Conv2d(input, weight, bias, stride, padding), 1e-5);
        Expect.Equal(shape, expected, Functional.Conv2d(input.ChannelsLast(), weight, bias, stride, padding), 1e-5);
    }

    [Fact]
    public void Transposed_convolution_is_the_adjoint()
    {
        Tensor x = Expect.Of(Ramp(2 * 3 * 5 * 5), 2, 3, 5, 5), w = Expect.Of(Ramp(3 * 4 * 3 * 3, 0.7), 3, 4, 3, 3);
        Tensor y = Functional.ConvTranspose2d(x, w, null, stride: 2, padding: 1, outputPadding: 1);
        Assert.Equal([2, 4, 10, 10], y.Shape);
        // <convT(x), z> = <x, conv(z)> for any z.
        Tensor z = Expect.Of(Ramp(2 * 4 * 10 * 10, 0.11), 2, 4, 10, 10);
        Assert.Equal((y * z).Sum().Item(), (x * Functional.Conv2d(z, w, null, 2, 1)).Sum().Item(), 1e-3f);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Group_norm_normalises_each_group(bool channelsLast)
    {
        const int n = 2, c = 4, s = 9;
        float[] x = Ramp(n * c * s), w = [1, 2, 3, 4], b = [0, 1, -1, 0.5f];
        var expected = new float[x.Length];
        for (int group = 0; group < n * 2; group++)
        {
            ReadOnlySpan<float> part = x.AsSpan(group * 2 * s, 2 * s);
            double mean = part.ToArray().Average(v => (double)v), variance = part.ToArray().Average(v => (v - mean) * (v - mean));
            for (int i = 0; i < part.Length; i++)
            {
                int channel = group % 2 * 2 + i / s;
                expected[group * 2 * s + i] = (float)((part[i] - mean) / Math.Sqrt(variance + 1e-5) * w[channel] + b[channel]);
            }
        }

        Tensor input = Expect.Of(x, n, c, 3, 3);
        Tensor got = Functional.GroupNorm(channelsLast ? input.ChannelsLast() : input, 2, Expect.Of(w), Expect.Of(b));
        Expect.Equal([n, c, 3, 3], expected, got, 1e-5);
    }

    [Fact]
    public void Layer_norm_normalises_the_last_axis()
    {
        Tensor x = Expect.Of([1, 3, 10, 14], 2, 2);
        Expect.Equal([2, 2], [-1, 1, -1, 1], Functional.LayerNorm(x, 2, eps: 0));
        Expect.Equal([2, 2], [-2, 6, -2, 6], Functional.LayerNorm(x, 2, Expect.Of([3, 5]), Expect.Of([1, 1]), 0));
        Expect.Equal([2, 2], [-1 / MathF.Sqrt(2), 1 / MathF.Sqrt(2), -2 / MathF.Sqrt(5), 2 / MathF.Sqrt(5)], Functional.LayerNorm(x, 2, eps: 1));
    }

    [Fact]
    public void Pixel_shuffle_moves_channels_into_space_and_back()
    {
        Tensor x = Expect.Of([1, 2, 3, 4], 1, 4, 1, 1);
        Expect.Equal([1, 1, 2, 2], [1, 2, 3, 4], Functional.PixelShuffle(x, 2));
        float[] ramp = Ramp(2 * 8 * 3 * 3);
        Expect.Equal([2, 8, 3, 3], ramp, Functional.PixelUnshuffle(Functional.PixelShuffle(Expect.Of(ramp, 2, 8, 3, 3), 2), 2));
    }

    [Fact]
    public void Embedding_takes_rows() => Expect.Equal(
        [1, 2, 2], [5, 6, 1, 2], Functional.Embedding(Expect.Of([1, 2, 3, 4, 5, 6], 3, 2), Tensor.FromSpan(new long[] { 2, 0 }, 1, 2)));

    [Fact]
    public void Losses_agree_with_their_formulas()
    {
        Expect.Equal([], [(1 + 4) / 2f], Functional.MseLoss(Expect.Of([1, 2]), Expect.Of([0, 4])));
        float[] logits = [-3, 0.5f, 80], targets = [0, 1, 1];
        double expected = logits.Zip(targets, (x, t) => Math.Max(x, 0) - x * t + Math.Log(1 + Math.Exp(-Math.Abs(x)))).Average();
        Expect.Equal([], [(float)expected], Functional.BinaryCrossEntropyWithLogits(Expect.Of(logits), Expect.Of(targets)));
        Tensor rows = Expect.Of([0, MathF.Log(3), 0, 0], 2, 2);
        Expect.Equal([], [-(MathF.Log(0.75f) + MathF.Log(0.5f)) / 2], Functional.CrossEntropy(rows, Tensor.FromSpan(new long[] { 1, 0 }, 2)));
        Expect.Equal([], [-MathF.Log(0.75f)], Functional.CrossEntropy(rows, Tensor.FromSpan(new long[] { 1, -100 }, 2)));
    }

    [Fact]
    public void Padding_pooling_and_enlarging()
    {
        Tensor x = Expect.Of([1, 2, 3, 4], 1, 1, 2, 2);
        Expect.Equal([1, 1, 3, 5], [1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 3, 3, 4, 4, 4], Functional.PadReplicate(x, 1, 2, 0, 1));
        Expect.Equal([1, 1, 1, 1], [2.5f], Functional.AvgPool2d(x, 2));
        Expect.Equal([1, 1, 4, 4], [1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4], Functional.UpsampleNearest2d(x, 2));
    }
}
