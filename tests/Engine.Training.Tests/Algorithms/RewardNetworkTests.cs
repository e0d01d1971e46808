using Engine.Training.Algorithms.Models;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Algorithms;

public sealed class RewardNetworkTests
{
    [Fact]
    public void Rewards_are_those_of_the_golden_file()
    {
        int cases = 0;
        foreach (GoldenTensors golden in GoldenTensors.Cases("reward_net.npz"))
        {
            cases++;
            using var scope = new TensorScope();
            Dictionary<string, Tensor> weights = golden.Under("w.");
            var shape = new RewardNetworkShape(
                golden.Shape("lang")[^1], golden.Shape("vis")[^1], golden.Shape("acts")[^1], golden.Shape("w.mlp.0.weight")[0],
                weights.Keys.Count(name => name.StartsWith("mlp.", StringComparison.Ordinal) && name.EndsWith(".weight", StringComparison.Ordinal)));
            using var network = new RewardNetwork(new WeightInitialiser(1), shape);
            network.LoadStateDict(weights);
            Tensor Pooled(string name) => RewardNetwork.Pool(golden.Tensor(name));
            golden.Near("lang_pooled_mean", Pooled("lang"), 1e-6, 1e-6);
            golden.Near("out", network.Forward(Pooled("lang"), Pooled("vis"), golden.Tensor("acts"), Pooled("lang_next"), Pooled("vis_next")), 1e-5, 1e-5);
            golden.Near("out_no_next", network.Forward(Pooled("lang"), Pooled("vis"), golden.Tensor("acts")), 1e-5, 1e-5);
            Tensor drawn = network.Forward(
                Pooled("rrd_lang"), Pooled("rrd_vis"), golden.Tensor("rrd_acts"), Pooled("rrd_lang_next"), Pooled("rrd_vis_next"));
            Assert.Equal(golden.Shape("rrd_out"), drawn.Shape);
            golden.Near("rrd_out", drawn, 1e-5, 1e-5);
        }

        Assert.True(cases >= 3, $"{cases} cases");
    }

    [Fact]
    public void Pooling_leaves_padding_out()
    {
        using var scope = new TensorScope();
        Tensor tokens = Tensor.FromSpan([1f, 2f, 3f, 6f, 100f, 100f, 5f, 5f, 5f, 5f, 5f, 5f], 2, 3, 2);
        Tensor mask = Tensor.FromSpan(new[] { true, true, false, false, false, false }, 2, 3);
        Assert.Equal([2f, 4f, 0f, 0f], RewardNetwork.Pool(tokens, mask).ToArray());
    }

    [Fact]
    public void A_network_may_do_without_language()
    {
        using var scope = new TensorScope();
        using var network = new RewardNetwork(new WeightInitialiser(1), new RewardNetworkShape(0, 6, 2, 8));
        Assert.Equal([3, 1], network.Forward(null, Tensor.Ones(3, 6), Tensor.Ones(3, 2), null, Tensor.Zeros(3, 6)).Shape);
        Assert.Throws<ArgumentException>(() => network.Forward(Tensor.Ones(3, 4), Tensor.Ones(3, 6), Tensor.Ones(3, 2)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RewardNetwork(new WeightInitialiser(1), new RewardNetworkShape(4, 6, 2, 7)));
    }
}
