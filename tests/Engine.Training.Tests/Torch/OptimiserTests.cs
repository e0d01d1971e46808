using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Tests.Torch;

public sealed class OptimiserTests
{
    [Fact]
    public void AdamW_follows_its_formula()
    {
        float[] start = [1f, -2f, 3f];
        using Tensor p = Tensor.FromSpan(start, 3);
        p.RequiresGrad = true;
        using var optimizer = new AdamW([p], 0.01, weightDecay: 0.1);
        double[] x = [1, -2, 3], m = new double[3], v = new double[3];
        for (int k = 1; k <= 5; k++)
        {
            using var scope = new TensorScope();
            (p * p * p).Sum().Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
            for (int i = 0; i < 3; i++)
            {
                double g = 3 * x[i] * x[i];
                x[i] *= 1 - 0.01 * 0.1;
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                x[i] -= 0.01 / (1 - Math.Pow(0.9, k)) * m[i] / (Math.Sqrt(v[i]) / Math.Sqrt(1 - Math.Pow(0.999, k)) + 1e-8);
            }

            Assert.Null(p.Grad);
        }

        float[] got = p.ToArray();
        for (int i = 0; i < 3; i++) Assert.Equal(x[i], got[i], 1e-6);
    }

    /// <summary>One step over many lengths, against the same formula written with tensor operations.</summary>
    [Fact]
    public void AdamW_agrees_with_tensor_operations_at_every_length_and_memory_order()
    {
        var init = new WeightInitialiser(2);
        List<Tensor> parameters = [.. Enumerable.Range(0, 258).Select(n => init.Normal(1, n)), init.Normal(1, 300, 401)];
        Tensor channelsLast;
        using (Tensor plain = init.Normal(1, 5, 4, 3, 3)) channelsLast = plain.ChannelsLast();
        parameters.Add(channelsLast);
        foreach (Tensor parameter in parameters) parameter.RequiresGrad = true;
        using var optimizer = new AdamW(parameters, 0.01, weightDecay: 0.1);
        using var scope = new TensorScope();
        for (int k = 1; k <= 2; k++)
        {
            optimizer.ZeroGrad();
            Tensor loss = Tensor.Zeros();
            foreach (Tensor parameter in parameters) loss = loss + parameter.Sin().Sum();
            loss.Backward();
            Tensor[] before = [.. parameters.Select(p => p.Detach().Clone())];
            Dictionary<string, Tensor> state = optimizer.StateDict();
            Tensor[] means = [.. parameters.Select((_, i) => state[$"exp_avg.{i}"].Clone())], squares = [.. parameters.Select((_, i) => state[$"exp_avg_sq.{i}"].Clone())];
            optimizer.Step();
            for (int i = 0; i < parameters.Count; i++)
            {
                Tensor g = parameters[i].Grad!, m = 0.9 * means[i] + 0.1 * g, v = 0.999 * squares[i] + 0.001 * g.Square();
                Tensor p = before[i] * 0.999 - 0.01 / (1 - Math.Pow(0.9, k)) * (m / (v.Sqrt() / Math.Sqrt(1 - Math.Pow(0.999, k)) + 1e-8));
                Expect.Near(p.ToArray(), parameters[i].ToArray(), 2e-7, 1e-6);
            }
        }

        foreach (Tensor parameter in parameters) parameter.Dispose();
    }

    [Fact]
    public void A_parameter_without_gradient_stays_and_keeps_its_step()
    {
        using Tensor used = Tensor.Ones(2), unused = Tensor.Ones(2);
        used.RequiresGrad = unused.RequiresGrad = true;
        using var optimizer = new AdamW([used, unused], 0.1, weightDecay: 0.5);
        using var scope = new TensorScope();
        used.Sum().Backward();
        optimizer.Step();
        Assert.Equal([1, 1], unused.ToArray());
        Assert.NotEqual([1, 1], used.ToArray());
        Assert.Equal([1, 0], optimizer.StateDict()["step"].ToInt64Array());
    }

    [Fact]
    public void Arguments_are_checked()
    {
        using Tensor p = Tensor.Ones(2), whole = Tensor.Arange(2);
        Assert.Throws<ArgumentException>(() => new AdamW([p, p], 0.1));
        Assert.Throws<ArgumentException>(() => new AdamW([whole], 0.1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new AdamW([p], -0.1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new AdamW([p], 0.1, beta2: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new AdamW([p], 0.1, weightDecay: -1));
    }

    [Fact]
    public void Gradients_are_measured_and_clipped()
    {
        using Tensor a = Tensor.Ones(1), b = Tensor.Ones(40000), without = Tensor.Ones(1);
        a.RequiresGrad = b.RequiresGrad = without.RequiresGrad = true;
        Tensor[] all = [a, b, without];
        using var scope = new TensorScope();
        (30 * a.Sum() + 0.2 * b.Sum()).Backward();
        Assert.Equal(50, Gradients.Norm(all), 1e-4);
        Assert.Equal(50, Gradients.ClipNorm(all, 100), 1e-4);
        Assert.Equal(30, a.Grad!.Item());
        Assert.Equal(50, Gradients.ClipNorm(all, 5), 1e-4);
        Assert.Equal(5, Gradients.Norm(all), 1e-5);
        Assert.Equal(3, a.Grad!.Item(), 1e-5f);
        using (new NoGrad()) a.Grad!.FillInPlace(double.NaN);
        Assert.True(double.IsNaN(Gradients.ClipNorm(all, 1)));
        Assert.Equal(0.02f, b.Grad!.ToArray()[7], 1e-6f);
        Assert.Throws<ArgumentOutOfRangeException>(() => Gradients.ClipNorm(all, 0));
    }

    [Fact]
    public void A_small_network_learns_xor()
    {
        var init = new WeightInitialiser(1);
        using var hidden = new Linear(init, 2, 16);
        using var output = new Linear(init, 16, 1);
        using var optimizer = new AdamW([.. hidden.Parameters(), .. output.Parameters()], 0.05, weightDecay: 0);
        using Tensor x = Tensor.FromSpan([0f, 0f, 0f, 1f, 1f, 0f, 1f, 1f], 4, 2);
        using Tensor y = Tensor.FromSpan([0f, 1f, 1f, 0f], 4, 1);
        float loss = 0;
        for (int i = 0; i < 200; i++)
        {
            using var scope = new TensorScope();
            Tensor value = Functional.MseLoss(output.Forward(hidden.Forward(x).Tanh()), y);
            value.Backward();
            optimizer.Step();
            optimizer.ZeroGrad();
            loss = value.Item();
        }

        Assert.InRange(loss, 0, 1e-3);
    }
}
