using Engine.Training.Algorithms;
using Engine.Training.Models;
using Engine.Training.Tests.Torch;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Devices;

/// <summary>What runs on other devices than the processor, libtorch's operations in the place of this program's own loops, forced on the processor: the same.</summary>
[Collection("whole process")]
public sealed class PlainOperationsTests
{
    [Theory]
    [InlineData(5, 3, 8, true, true)]
    [InlineData(16, 2, 32, false, false)]
    [InlineData(17, 1, 16, true, false)]
    [InlineData(1, 4, 4, false, true)]
    public void Attention(int length, int heads, int width, bool temporal, bool masked) => Compare(1e-5, () =>
    {
        var init = new WeightInitialiser(3);
        (long t, long n) = temporal ? ((long)length, 3L) : (3L, length);
        Tensor qkv = init.Normal(1, 2, t, n, 3, heads, width), cotangent = init.Normal(1, 2, t, n, heads * width);
        Tensor cos = RotaryTable.Temporal([.. Enumerable.Range(0, length)], width, false), sin = RotaryTable.Temporal([.. Enumerable.Range(0, length)], width, true);
        qkv.RequiresGrad = true;
        Tensor output = FusedOperations.SmallAttention(qkv, cos, sin, masked ? TemporalMask.Causal(length, 3).ToTensor() : null, temporal);
        output.Backward(cotangent);
        return [.. output.ToArray(), .. qkv.Grad!.ToArray()];
    });

    [Fact]
    public void Attention_refuses_what_does_not_fit_either_way()
    {
        Compare(0, () =>
        {
            Tensor qkv = Tensor.Zeros(1, 4, 3, 3, 1, 8), table = Tensor.Ones(3, 8);
            Assert.Throws<TorchException>(() => FusedOperations.SmallAttention(qkv, table, table, null, temporal: true));
            Assert.Throws<TorchException>(() => FusedOperations.SmallAttention(qkv, table, table, Tensor.Zeros(2, 2), temporal: false));
            Assert.Throws<TorchException>(() => FusedOperations.SmallAttention(Tensor.Ones(2, 3), table, table, null, temporal: false));
            return [1];
        });
    }

    [Fact]
    public void Gelu() => Compare(2e-6, () =>
    {
        Tensor x = new WeightInitialiser(1).Normal(3, 1000), cotangent = new WeightInitialiser(2).Normal(1, 1000);
        x.RequiresGrad = true;
        Tensor y = FusedOperations.FastGelu(x);
        y.Backward(cotangent);
        return [.. y.ToArray(), .. x.Grad!.ToArray()];
    });

    [Fact]
    public void Group_norm_of_channels_last() => Compare(2e-5, () =>
    {
        var init = new WeightInitialiser(1);
        Tensor x = init.Normal(2, 3, 8, 5, 7).ChannelsLast(), cotangent = init.Normal(1, 3, 8, 5, 7), weight = init.Normal(1, 8), bias = init.Normal(1, 8);
        x.RequiresGrad = weight.RequiresGrad = bias.RequiresGrad = true;
        Tensor y = Functional.GroupNorm(x, 4, weight, bias);
        y.Backward(cotangent);
        return [.. y.ToArray(), .. x.Grad!.ToArray(), .. weight.Grad!.ToArray(), .. bias.Grad!.ToArray()];
    });

    [Fact]
    public void Optimizer_average_norm_and_clipping() => Compare(2e-6, () =>
    {
        var init = new WeightInitialiser(1);
        Tensor[] parameters = [init.Normal(1, 33, 70), init.Normal(1, 40_001), init.Normal(1, 4, 3, 5, 5).ChannelsLast(), init.Normal(1, 7)];
        foreach (Tensor p in parameters) p.RequiresGrad = true;
        using var optimizer = new AdamW(parameters, 1e-2, 0.8, 0.95, 1e-6, 0.1);
        var results = new List<float>();
        for (int step = 0; step < 4; step++)
        {
            using var scope = new TensorScope();
            optimizer.ZeroGrad();
            // The last parameter has a gradient only in some steps: its count of steps is its own.
            Tensor loss = (parameters[0].Square().Sum() + parameters[1].Sin().Sum()) + parameters[2].Exp().Sum();
            (step % 2 == 0 ? loss + parameters[3].Square().Sum() : loss).Backward();
            results.Add((float)Gradients.ClipNorm(parameters, 10) / 100);
            results.Add((float)Gradients.Norm(parameters));
            optimizer.Step();
        }

        foreach (Tensor p in parameters) results.AddRange(p.ToArray());
        foreach (Tensor moment in optimizer.StateDict().OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value)) results.AddRange(moment.ToArray());
        return [.. results];
    });

    [Fact]
    public void A_norm_without_gradients_is_zero() => Compare(0, () =>
    {
        Tensor p = Tensor.Ones(3);
        p.RequiresGrad = true;
        return [(float)Gradients.Norm([p]), (float)Gradients.ClipNorm([p], 1)];
    });

    [Fact]
    public void A_whole_step_of_the_world_model() => Compare(2e-5, () =>
    {
        var init = new WeightInitialiser(4);
        using var model = new DiffusionTransformer(init, new DiffusionTransformerArchitecture { Dim = 32, NumLayers = 2, NumHeads = 2, ActionDim = 5, MaxFrames = 4 });
        using (new NoGrad())
        {
            foreach (var (_, parameter) in model.NamedParameters()) parameter.CopyInPlace(init.Normal(0.1, parameter.Shape));
        }

        using var optimizer = new AdamW(model.Parameters(), 1e-2);
        using var ema = new Ema(model, 0.9, warmup: true);
        Tensor latents = init.Normal(1, 2, 4, 4, 4, 4), noise = init.Normal(1, 2, 4, 4, 4, 4), actions = init.Normal(1, 2, 4, 5), times = Tensor.FromSpan([300L, 20, 999, 500, 14, 700, 100, 0], 2, 4);
        Tensor loss = WorldModelTraining.VelocityLoss(model, latents, noise, times, actions);
        loss.Backward();
        float[] gradients = [.. model.Parameters().SelectMany(p => p.Grad!.ToArray())];
        double norm = Gradients.ClipNorm(model.Parameters(), 1);
        optimizer.Step();
        ema.Update();
        // The size of Adam's first step does not depend on the gradient's: where that is nearly nothing, its sign is chance.
        double weights = model.Parameters().Concat(ema.StateDict().Values).SelectMany(p => p.ToArray()).Average(v => Math.Abs((double)v));
        double largest = gradients.Max(Math.Abs);
        Assert.True(largest > 0.01);
        return [loss.Item(), (float)norm, .. gradients, (float)weights];
    });

    private static void Compare(double tolerance, Func<float[]> compute)
    {
        float[] own, plain;
        using (new TensorScope()) own = compute();
        Assert.True(TorchRuntime.SetOwnKernels(false), "a test before this one left them off");
        try
        {
            using var scope = new TensorScope();
            plain = compute();
        }
        finally
        {
            TorchRuntime.SetOwnKernels(true);
        }

        Expect.Near(own, plain, tolerance, tolerance);
    }
}
