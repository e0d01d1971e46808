using Engine.Training.Torch;

namespace Engine.Training.Tests.Torch;

public sealed class GradientTests
{
    [Fact]
    public void Gradients_accumulate_until_cleared()
    {
        using Tensor x = Expect.Of([1, -2]);
        x.RequiresGrad = true;
        Assert.True(x.RequiresGrad);
        using var scope = new TensorScope();
        Assert.Null(x.Grad);
        x.Square().Sum().Backward();
        Expect.Equal([2], [2, -4], x.Grad!);
        (3 * x).Backward(Expect.Of([1, 10]));
        Expect.Equal([2], [5, 26], x.Grad!);
        x.ClearGrad();
        Assert.Null(x.Grad);
    }

    [Fact]
    public void Nothing_is_recorded_without_grad()
    {
        using var scope = new TensorScope();
        Tensor x = Expect.Of([1, -2]);
        x.RequiresGrad = true;
        Tensor inner, detached = x.Detach();
        using (new NoGrad())
        {
            using (new NoGrad()) inner = x * 2;
            Assert.False((x * 2).RequiresGrad);
        }

        Assert.False(inner.RequiresGrad);
        Assert.False(detached.RequiresGrad);
        Assert.True((x * 2).RequiresGrad);
        Assert.Throws<TorchException>(() => x.AddInPlace(x));
        using (new NoGrad()) x.MulInPlace(2);
        Expect.Equal([2], [2, -4], x);
    }

    [Fact]
    public void No_grad_belongs_to_its_thread()
    {
        var noGrad = new NoGrad();
        Exception? thrown = null;
        bool elsewhere = false;
        var thread = new Thread(() =>
        {
            thrown = Record.Exception(noGrad.Dispose);
            using Tensor x = Tensor.Ones(1);
            x.RequiresGrad = true;
            using Tensor y = x * 2;
            elsewhere = y.RequiresGrad;
        });
        thread.Start();
        thread.Join();
        noGrad.Dispose();
        Assert.IsType<InvalidOperationException>(thrown);
        Assert.True(elsewhere);
    }

    /// <summary>A convolution, a group norm and an attention layer: every derivative against central differences in float64.</summary>
    [Fact]
    public void Gradients_of_a_small_network_agree_with_finite_differences()
    {
        using var all = new TensorScope();
        var init = new WeightInitialiser(3);
        Tensor x = init.Normal(1, 2, 3, 6, 6).To(ScalarType.Float64);
        Tensor target = init.Normal(1, 2, 4, 8).To(ScalarType.Float64);
        Dictionary<string, Tensor> weights = new()
        {
            ["conv"] = init.Normal(0.3, 8, 3, 3, 3),
            ["conv bias"] = init.Normal(0.3, 8),
            ["norm"] = init.Normal(0.5, 8),
            ["norm bias"] = init.Normal(0.5, 8),
            ["qkv"] = init.Normal(0.4, 24, 8),
            ["out"] = init.Normal(0.4, 8, 8),
            ["up"] = init.Normal(0.4, 8, 8, 2, 2),
        };
        foreach (string name in weights.Keys)
        {
            weights[name] = weights[name].To(ScalarType.Float64);
            weights[name].RequiresGrad = true;
        }

        Tensor Loss()
        {
            Tensor h = Functional.PadReplicate(x, 0, 1, 1, 0);
            h = Functional.Conv2d(h, weights["conv"], weights["conv bias"], stride: 2, padding: 1);
            h = Functional.GroupNorm(h, 2, weights["norm"], weights["norm bias"]).Silu();
            h = Functional.AvgPool2d(Functional.ConvTranspose2d(h, weights["up"], null, stride: 2), 4);
            Tensor tokens = Functional.LayerNorm(h.Flatten(2).Transpose(1, 2), 8);
            Tensor[] qkv = Functional.Linear(tokens, weights["qkv"]).Reshape(2, 4, 3, 2, 4).Permute(2, 0, 3, 1, 4).Chunk(3, 0);
            Tensor q = qkv[0].Squeeze(0), k = qkv[1].Squeeze(0), v = qkv[2].Squeeze(0);
            Tensor mask = Tensor.Ones(4, 4).Triu(1).To(ScalarType.Bool);
            Tensor attention = (q.MatMul(k.Transpose(-2, -1)) * 0.5).MaskedFill(mask, double.NegativeInfinity).Softmax(-1);
            Tensor o = attention.MatMul(v).Transpose(1, 2).Reshape(2, 4, 8);
            return Functional.MseLoss(tokens + Functional.Linear(o, weights["out"]).Gelu(), target);
        }

        Loss().Backward();
        foreach (var (name, weight) in weights)
        {
            Tensor gradient = weight.Grad!;
            double scale = gradient.Abs().Max().Item();
            Assert.True(scale > 1e-4, name);
            long step = Math.Max(1, weight.NumElements / 7);
            for (long i = 0; i < weight.NumElements; i += step)
            {
                using var scope = new TensorScope();
                using var noGrad = new NoGrad();
                Tensor element = weight.Detach().View(-1).Narrow(0, i, 1);
                Tensor before = element.Clone();
                const double epsilon = 1e-5;
                element.CopyInPlace(before + epsilon);
                Tensor above = Loss();
                element.CopyInPlace(before - epsilon);
                Tensor below = Loss();
                element.CopyInPlace(before);
                double difference = ((above - below) / (2 * epsilon)).Item();
                Assert.Equal(difference, gradient.Reshape(-1).Narrow(0, i, 1).Item(), 1e-6 * scale + 1e-8);
            }
        }
    }

    /// <summary>The channels-last variant is our own: it against libtorch's on the same numbers, odd sizes and gradient layouts included.</summary>
    [Theory]
    [InlineData(1, 2, 1, 1, 3)]
    [InlineData(3, 12, 4, 7, 5)]
    [InlineData(2, 24, 3, 16, 16)]
    [InlineData(5, 8, 8, 2, 33)]
    [InlineData(2, 130, 1, 9, 9)]
    public void Group_norm_is_the_same_in_both_memory_orders(int samples, int channels, int groups, int height, int width)
    {
        using var scope = new TensorScope();
        var init = new WeightInitialiser(8);
        Tensor x = init.Normal(2, samples, channels, height, width) + 30, target = init.Normal(1, samples, channels, height, width);
        Tensor weight = init.Normal(1, channels), bias = init.Normal(1, channels);
        Tensor[] Run(bool channelsLast, bool gradientChannelsLast)
        {
            Tensor input = (channelsLast ? x.ChannelsLast() : x).Detach(), w = weight.Clone(), b = bias.Clone();
            input.RequiresGrad = w.RequiresGrad = b.RequiresGrad = true;
            Tensor y = Functional.GroupNorm(input, groups, w, b);
            y.Backward(gradientChannelsLast ? target.ChannelsLast() : target);
            Tensor[] results = [y.Detach(), input.Grad!, w.Grad!, b.Grad!];
            foreach (Tensor leaf in new[] { input, w, b }) leaf.ClearGrad();
            return results;
        }

        Tensor[] expected = Run(false, false);
        foreach (bool layout in new[] { false, true })
        {
            Tensor[] actual = Run(true, layout);
            for (int i = 0; i < expected.Length; i++)
            {
                float scale = expected[i].Abs().Max().Item();
                Expect.Near(expected[i].ToArray(), actual[i].ToArray(), 2e-5 * scale);
            }
        }
    }
}
