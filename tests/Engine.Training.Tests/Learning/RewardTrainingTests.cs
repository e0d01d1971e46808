using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Algorithms;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Learning;

/// <summary>Even episodes are successes, odd ones failures; what tells them apart is the actions in one test and the images' features in the other.</summary>
public sealed class RewardTrainingTests
{
    private static readonly RewardTraining.Options Options = new() { Steps = 400, Batch = 24, Draws = 4, Hidden = 32, LearningRate = 3e-3 };

    [Fact]
    public void A_return_that_hangs_on_actions_is_found_in_the_actions()
    {
        Func<PhiloxRandom, int, float> push = (random, number) => 0.04f * (random.NextFloat() < 0.8f == (number % 2 == 0) ? 1 : -1);
        var (reward, width, held, features) = Train(push, telling: false);
        Assert.True(Area(reward, held, features, width) > 0.95, $"AUC {Area(reward, held, features, width):F3}");

        // Of two equal steps, the one with the better action has more reward.
        Assert.True(Predict(reward, features, width, 0.04f) > Predict(reward, features, width, -0.04f) + 0.02);
    }

    [Fact]
    public void A_return_that_hangs_on_images_is_found_in_their_features()
    {
        var (reward, width, held, features) = Train(null, telling: true);
        Assert.True(Area(reward, held, features, width) > 0.95, $"AUC {Area(reward, held, features, width):F3}");
        float[][] swapped = [.. features.Select(f => (float[])f.Clone())];
        foreach (float[] f in swapped)
        {
            for (int i = 3; i < f.Length; i += width) f[i] = -f[i];
        }

        Assert.True(Area(reward, held, swapped, width) < 0.05, "the reward did not follow the features");
    }

    [Fact]
    public void The_same_seed_gives_the_same_reward_network()
    {
        var world = new TinyWorld(6, 4);
        using var classifier = Classifier(world);
        var options = new RewardTraining.Options { Steps = 5, Batch = 4, Draws = 3, Hidden = 16 };
        var features = Synthetic(world, classifier.FeatureWidth, true, 1);
        float[] Losses(ulong seed) => RewardTraining.Run(world.Set, features, classifier, world.Embodiment, options, seed, null, SilentProgress.Instance, default).Losses;
        Assert.Equal(Losses(1), Losses(1));
        Assert.NotEqual(Losses(1), Losses(2));
    }

    [Fact]
    public void Features_are_those_of_each_frame_under_the_episodes_instruction()
    {
        var world = new TinyWorld(2, 3);
        using var classifier = Classifier(world);
        float[][] features = RewardTraining.Features(classifier, world.Set, world.Images);
        int width = classifier.FeatureWidth;
        Assert.Equal(4 * width, features[1].Length);
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        Tensor one = classifier.Features(Engine.Training.Datasets.ImageBatch.FromBytes(world.Set.Image(1, 2), 16, 16), Tensor.FromSpan(world.Set.Tokens[1], 1, 4));
        Torch.Expect.Near(one.ToArray(), features[1].AsSpan(2 * width, width), 1e-5);
        Assert.NotEqual(features[0][..width], features[1][..width]);
    }

    private static (RewardModel Reward, int Width, TinyWorld Held, float[][] Features) Train(Func<PhiloxRandom, int, float>? push, bool telling)
    {
        var world = new TinyWorld(80, 10, seed: 1, moveX: push, success: number => number % 2 == 0);
        var held = new TinyWorld(30, 10, seed: 2, moveX: push, success: number => number % 2 == 0);
        using var classifier = Classifier(world);
        int width = classifier.FeatureWidth;
        var (reward, losses) = RewardTraining.Run(world.Set, Synthetic(world, width, telling, 1), classifier, world.Embodiment, Options, 3, null, SilentProgress.Instance, default);
        Assert.Equal(Options.Steps, losses.Length);
        return (reward, width, held, Synthetic(held, width, telling, 2));
    }

    private static double Area(RewardModel reward, TinyWorld world, float[][] features, int width) => Ranking.AreaUnderCurve(
        [.. RewardTraining.Score(reward, world.Set, features, width).Select(r => (double)r.Sum())], [.. world.Set.Episodes.Select(e => e.Success)]);

    private static double Predict(RewardModel reward, float[][] features, int width, float push) =>
        features.Average(f => reward.Predict(f.AsSpan(0, width), f.AsSpan(width, width), [push, 0, 0, 0, 0, 0, 1], 1)[0]);

    /// <summary>Noise, the same in all episodes' distribution; feature 3 is ±1 by success where it tells.</summary>
    private static float[][] Synthetic(TinyWorld world, int width, bool telling, ulong seed)
    {
        var features = new float[world.Set.Episodes.Count][];
        for (int e = 0; e < features.Length; e++)
        {
            features[e] = new float[(world.Set.Episodes[e].Length + 1) * width];
            Philox.FillNormal(features[e], new PhiloxKey(seed, PhiloxStream.Latent, (uint)e));
            for (int i = 0; i < features[e].Length; i++) features[e][i] *= 0.1f;
            if (!telling) continue;
            for (int i = 3; i < features[e].Length; i += width) features[e][i] += world.Set.Episodes[e].Success ? 1 : -1;
        }

        return features;
    }

    private static SuccessClassifier Classifier(TinyWorld world) =>
        new(new WeightInitialiser(4), world.Architecture());
}
