using Engine.Runtime.Contract;
using Engine.Training.Algorithms;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Tests.Learning;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Rollouts;

/// <summary>PPO on a dream whose reward is known: −|a₀/limit − ½|, best in bin 11 of 16 (its centre is 0.533).</summary>
public sealed class DreamPpoTests
{
    private const int Bins = 16;

    private static PpoOptions Options(int iterations, double learningRate = 4e-3, double klWeight = 0) => new()
    {
        Iterations = iterations,
        CriticWarmup = 1,
        Environments = 24,
        RolloutSteps = 8,
        Gamma = 0,
        Lambda = 0,
        Epochs = 2,
        Minibatch = 96,
        PolicyLearningRate = learningRate,
        CriticLearningRate = 1e-3,
        KlWeight = klWeight,
        TargetKl = 1,
        ShapingWeight = 0,
        SuccessReward = 0,
        RewardWeight = 1,
        CheckEvery = 0,
    };

    [Fact]
    public void The_policy_finds_the_rewarded_action()
    {
        var (world, policy, history) = Learn(Options(14));
        using (policy)
        {
            Assert.All(history.Skip(1), i => Assert.True(i.FirstRatioError <= 1e-5, $"iteration {i.Iteration}: first ratio is off by {i.FirstRatioError:E2}"));
            Assert.True(history[0].MeanReward < -0.5, $"at first {history[0].MeanReward:F3}");
            Assert.True(history[^1].MeanReward > -0.2, $"at last {history[^1].MeanReward:F3} (from {history[0].MeanReward:F3})");
            float[] p = FirstToken(world, policy);
            Assert.True(p[10] + p[11] + p[12] > 0.5, $"probabilities around the best bin: {p[10]:F2} {p[11]:F2} {p[12]:F2}");
            // 24 dreams of 4 steps each: in 8 steps every one ends twice.
            Assert.All(history, i => Assert.Equal(48, i.Episodes));
            Assert.All(history, i => Assert.Equal(0, i.ImaginedSuccess));
        }
    }

    [Fact]
    public void A_heavy_divergence_term_holds_the_policy_at_its_start()
    {
        var (_, free, freely) = Learn(Options(5));
        var (_, held, holding) = Learn(Options(5, klWeight: 100));
        free.Dispose();
        held.Dispose();
        Assert.True(freely[^1].KlToStart > 0.05, $"free: {freely[^1].KlToStart:F4}");
        Assert.True(holding[^1].KlToStart < freely[^1].KlToStart / 5, $"held: {holding[^1].KlToStart:F4}, free: {freely[^1].KlToStart:F4}");
    }

    /// <summary>All tokens have one known distribution: the entropy of a sample is that of the tokens that can vary, three of seven.</summary>
    [Fact]
    public void Entropy_and_divergence_are_those_of_the_distribution_over_active_tokens()
    {
        float[] bias = [.. Enumerable.Range(0, Bins).Select(c => 0.3f * (c % 5))];
        double[] weights = [.. bias.Select(b => Math.Exp(b))];
        double entropy = -weights.Sum(w => w / weights.Sum() * Math.Log(w / weights.Sum()));
        var (_, policy, history) = Learn(Options(1, learningRate: 0), policy =>
        {
            var state = policy.StateDict();
            state["head.weight"].DataSpan().Clear();
            bias.CopyTo(state["head.bias"].DataSpan());
        });
        policy.Dispose();
        Assert.Equal(3 * entropy, history[1].Entropy, 1e-4);
        Assert.Equal(0, history[1].KlToStart, 1e-6);
        Assert.Equal(0, history[1].ApproximateKl, 1e-6);
        Assert.Equal(0, history[1].ClipFraction);
        Assert.True(history[1].FirstRatioError <= 1e-5);
        // Advantages are normalised over the rollout, so the surrogate of an unmoved policy is −mean(A) = 0.
        Assert.Equal(0, history[1].PolicyLoss, 1e-5);
    }

    [Fact]
    public void The_warm_up_leaves_the_policy_alone()
    {
        var options = Options(0);
        float[] before = [], after;
        var (_, policy, history) = Learn(options, p => before = [.. p.Parameters().SelectMany(t => t.ToArray())]);
        after = [.. policy.Parameters().SelectMany(t => t.ToArray())];
        policy.Dispose();
        Assert.Single(history);
        Assert.Equal(before, after);
        Assert.True(history[0].ValueLoss > 0);
    }

    [Fact]
    public void The_real_check_is_called_when_it_is_due()
    {
        var options = Options(4, learningRate: 0);
        (options.CheckEvery, options.Environments, options.RolloutSteps) = (2, 2, 2);
        var called = new List<int>();
        var (_, policy, history) = Learn(options, check: iteration =>
        {
            called.Add(iteration);
            return iteration / 10.0;
        });
        policy.Dispose();
        Assert.Equal([2, 4], called);
        Assert.Equal([null, null, 0.2, null, 0.4], history.Select(h => h.RealSuccess));
    }

    [Fact]
    public void A_resumed_run_gives_the_same_policy_as_an_uninterrupted_one()
    {
        string root = Directory.CreateTempSubdirectory("engine-ppo").FullName;
        try
        {
            var (_, whole, history) = Learn(Options(7));
            using var cancellation = new CancellationTokenSource();
            var options = Options(7);
            options.CheckEvery = 5;
            // Cancelled at the sixth iteration: the checkpoint of the fourth is what is left.
            Assert.Throws<OperationCanceledException>(() => Learn(options, check: _ =>
            {
                cancellation.Cancel();
                return 0;
            }, checkpoint: Path.Combine(root, "ppo"), cancellation: cancellation.Token));
            options.CheckEvery = 0;
            var (_, resumed, after) = Learn(options, checkpoint: Path.Combine(root, "ppo"));
            Assert.Equal(history.Select(h => h.MeanReward), after.Select(h => h.MeanReward));
            Assert.Equal(Weights(whole), Weights(resumed));
            whole.Dispose();
            resumed.Dispose();
        }
        finally
        {
            Directory.Delete(root, true);
        }

        static float[] Weights(VlaPolicy policy) => [.. policy.Parameters().SelectMany(t => t.ToArray())];
    }

    private static (TinyWorld World, VlaPolicy Policy, IReadOnlyList<PpoIteration> History) Learn(PpoOptions options, Action<VlaPolicy>? prepare = null, Func<int, double>? check = null, string? checkpoint = null, CancellationToken cancellation = default)
    {
        var world = new TinyWorld(6, 3, bins: Bins);
        using var dream = new TinyDream(world, 2);
        using var environment = dream.Environment(options.Environments, 4);
        var policy = new VlaPolicy(new WeightInitialiser(2), world.Architecture());
        prepare?.Invoke(policy);
        var ppo = new DreamPpo(policy, environment, world.Encoding, options, 4, 11);
        return (world, policy, ppo.Run(check, checkpoint, SilentProgress.Instance, cancellation));
    }

    private static float[] FirstToken(TinyWorld world, VlaPolicy policy)
    {
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        float[] state = new float[8];
        for (int i = 0; i < 8; i++) state[i] = world.Set.Episodes[0].States[0, i];
        world.Encoding.NormaliseState(state);
        Tensor logits = policy.Logits(
            ImageBatch.FromBytes(world.Set.Image(0, 0), 16, 16), Tensor.FromSpan(world.Set.Tokens[0], 1, 4), Tensor.FromSpan(state, 1, 8), Tensor.Zeros(1, 7).To(ScalarType.Int64));
        return logits.Softmax(2).Select(1, 0).Contiguous().ToArray();
    }
}
