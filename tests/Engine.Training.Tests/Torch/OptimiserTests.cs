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
