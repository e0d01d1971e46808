using Engine.Training.Algorithms;
using Engine.Training.Algorithms.Models;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Algorithms;

public sealed class ValueCriticTests
{
    [Fact]
    public void Values_and_gradients_are_those_of_the_golden_file()
    {
        int cases = 0;
        foreach (GoldenTensors golden in GoldenTensors.Cases("value_critic.npz"))
        {
            cases++;
            using var scope = new TensorScope();
            Dictionary<string, Tensor> weights = golden.Under("w.");
            long[] widths = [.. weights.Where(p => p.Key.EndsWith(".bias", StringComparison.Ordinal)).OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => p.Value.Size(0))];
            using var critic = new ValueCritic(new WeightInitialiser(1), golden.Shape("state")[1], widths[..^1]);
            critic.LoadStateDict(weights);
            Tensor values = critic.Forward(golden.Tensor("state"));
            Assert.Equal([golden.Shape("state")[0]], values.Shape);
            golden.Near("out", values, 1e-5, 1e-5);
            Tensor loss = PpoObjective.ValueLoss(values, golden.Tensor("target"));
            golden.Near("mse_loss", loss, 1e-5, 1e-5);
            loss.Backward();
            foreach (var (name, parameter) in critic.NamedParameters()) golden.Near("grad." + name, parameter.Grad!, 1e-5, 1e-5);
        }

        Assert.True(cases >= 3, $"{cases} cases");
    }

    [Fact]
    public void A_new_critic_has_orthogonal_weights_and_no_bias()
    {
        using var scope = new TensorScope();
        using var critic = new ValueCritic(new WeightInitialiser(1), 8, 8, 4);
        Tensor weight = critic.StateDict()["net.0.weight"].Detach();
        Assert.Equal(2f, weight.Square().Sum(1).ToArray()[0], 1e-5f);
        Assert.Equal(0, weight.Select(0, 0).MatMul(weight.Select(0, 1)).Item(), 1e-5f);
        Assert.All(critic.StateDict()["net.2.bias"].ToArray(), b => Assert.Equal(0, b));
    }
}
