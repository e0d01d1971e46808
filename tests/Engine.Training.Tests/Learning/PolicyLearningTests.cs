using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Algorithms;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Learning;

public sealed class PolicyLearningTests
{
    private static readonly BehaviourCloning.Options Cloning = new() { Steps = 140, Batch = 16, LearningRate = 4e-3, SmoothingBins = 0.5, Shift = 0, StateDropout = 0.5 };

    /// <summary>Red is pushed right, blue left: the cloned policy does as it is told.</summary>
    [Fact]
    public void A_cloned_policy_follows_the_instruction()
    {
        var world = new TinyWorld(12, 4, bins: 16, moveX: (random, number) => (number % 2 == 0 ? 1 : -1) * random.NextFloat(0.02f, 0.045f));
        var (policy, losses) = BehaviourCloning.Run(world.Set, world.Images, world.Encoding, world.Architecture(), Cloning, 1, null, null, SilentProgress.Instance, default);
        using (policy)
        {
            Assert.True(losses[^5..].Average() < losses[..5].Average());
            Assert.True(Rightwards(world, policy, 0) > 0.85, $"red: {Rightwards(world, policy, 0):F2}");
            Assert.True(Rightwards(world, policy, 1) < 0.15, $"blue: {Rightwards(world, policy, 1):F2}");
        }
    }

    /// <summary>The data goes right as often as left; one of them is rewarded, and becomes likelier than the other.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void Offline_the_better_action_becomes_likelier(int better)
    {
        var world = new TinyWorld(24, 4, bins: 16, moveX: (random, _) => (random.NextFloat() < 0.5f ? 1 : -1) * random.NextFloat(0.02f, 0.045f));
        const int width = 6;
        var features = new float[24][];
        var rewards = new float[24][];
        for (int e = 0; e < 24; e++)
        {
            features[e] = new float[5 * width];
            Philox.FillNormal(features[e], new PhiloxKey(4, PhiloxStream.Latent, (uint)e));
            rewards[e] = [.. Enumerable.Range(0, 4).Select(t => world.Set.Episodes[e].Actions[t, 0] * better > 0 ? 1f : 0)];
        }

        using var policy = new VlaPolicy(new WeightInitialiser(6), world.Architecture());
        double before = Enumerable.Range(0, 4).Average(e => Rightwards(world, policy, e));
        var options = new OfflineActorCritic.Options { CriticRounds = 2, CriticSteps = 25, ActorSteps = 120, Batch = 16, LearningRate = 3e-3, Gamma = 0.5, Lambda = 0.5, PolicyWeight = 1, CloningWeight = 0.5 };
        var report = OfflineActorCritic.Run(
            policy, world.Set, world.Images, world.Set, world.Images, new OfflineActorCritic.Scored(features, rewards, width), world.Encoding, Cloning, options, 3, null, SilentProgress.Instance, default);
        double after = Enumerable.Range(0, 4).Average(e => Rightwards(world, policy, e));
        Assert.Equal(50, report.CriticLosses.Length);
        Assert.Equal(120, report.ActorLosses.Length);
        Assert.InRange(before, 0.2, 0.8);
        double liked = better > 0 ? after : 1 - after;
        Assert.True(liked > 0.65, $"the better action: {liked:F2}, rightwards at first: {before:F2}");
    }

    /// <summary>Probability that the first action number is positive, in the first frame of an episode.</summary>
    private static double Rightwards(TinyWorld world, VlaPolicy policy, int episode)
    {
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        var state = new float[8];
        for (int i = 0; i < 8; i++) state[i] = world.Set.Episodes[episode].States[0, i];
        world.Encoding.NormaliseState(state);
        float[] p = policy.Logits(
            ImageBatch.FromBytes(world.Set.Image(episode, 0), 16, 16), Tensor.FromSpan(world.Set.Tokens[episode], 1, 4), Tensor.FromSpan(state, 1, 8),
            Tensor.Zeros(1, 7).To(ScalarType.Int64)).Softmax(2).Select(1, 0).Contiguous().ToArray();
        return p[8..].Sum();
    }
}
