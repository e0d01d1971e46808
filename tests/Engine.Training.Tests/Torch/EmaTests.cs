using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Tests.Torch;

public sealed class EmaTests
{
    private sealed class WithBuffer : Module
    {
        public WithBuffer(float value)
        {
            Weight = Parameter("weight", Tensor.Full(value, 3));
            Count = Buffer("count", Tensor.Full(value, 1));
        }

        public Tensor Weight { get; }

        public Tensor Count { get; }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_mean_follows_its_formula(bool warmup)
    {
        using var model = new WithBuffer(1);
        using var ema = new Ema(model, 0.9, warmup);
        Assert.Equal([1, 1, 1], ema.StateDict()["weight"].ToArray());
        double expected = 1;
        for (int k = 1; k <= 200; k++)
        {
            using (new NoGrad())
            {
                model.Weight.FillInPlace(k * 0.1);
                model.Count.FillInPlace(k);
            }

            ema.Update();
            double decay = warmup ? Math.Min(0.9, (1.0 + k) / (10.0 + k)) : 0.9;
            expected = decay * expected + (1 - decay) * k * 0.1;
            Assert.Equal(expected, ema.StateDict()["weight"].ToArray()[1], 1e-5 * (1 + expected));
        }

        Assert.Equal(200, ema.StateDict()["count"].Item());
        Assert.Equal(200, ema.Updates);
        using var copy = new WithBuffer(0);
        ema.CopyTo(copy);
        Assert.Equal(ema.StateDict()["weight"].ToArray(), copy.Weight.ToArray());
        using var other = new Ema(copy, 0.5, false);
        other.Load(ema.StateDict());
        Assert.Equal(ema.StateDict()["weight"].ToArray(), other.StateDict()["weight"].ToArray());
    }

    [Fact]
    public void The_mean_outlives_scopes_and_has_no_gradient()
    {
        using var model = new Linear(new WeightInitialiser(1), 2, 2);
        Ema ema;
        using (new TensorScope()) ema = new Ema(model, 0.5, false);
        ema.Update();
        Assert.All(ema.StateDict().Values, t => Assert.False(t.RequiresGrad));
        ema.Dispose();
        Assert.Throws<ArgumentOutOfRangeException>(() => new Ema(model, 1, false));
    }
}
