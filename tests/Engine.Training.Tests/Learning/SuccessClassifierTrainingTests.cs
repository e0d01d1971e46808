using Engine.Runtime.Contract;
using Engine.Training.Algorithms;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Learning;

public sealed class SuccessClassifierTrainingTests
{
    [Fact]
    public void The_threshold_is_the_one_with_the_best_f1()
    {
        var world = new TinyWorld(4, 2, success: number => number % 2 == 0);
        // The first frame never counts: no episode begins fulfilled.
        float[][] scores = [[0.99f, 0.1f, 0.93f], [0.99f, 0.2f, 0.82f], [0.1f, 0.91f, 0.3f], [0.5f, 0.6f, 0.4f]];
        var (threshold, f1, precision, recall) = SuccessClassifierTraining.Calibrate(scores, world.Set.Episodes);
        Assert.Equal(0.85f, threshold);
        Assert.Equal((1, 1, 1), (f1, precision, recall));

        scores[1][2] = 0.97f;
        (threshold, f1, precision, recall) = SuccessClassifierTraining.Calibrate(scores, world.Set.Episodes);
        Assert.Equal(0.6f, threshold);
        Assert.Equal(2 / 3.0, precision, 1e-12);
        Assert.Equal(1, recall);
        Assert.Equal(0.8, f1, 1e-12);
    }

    [Theory]
    [InlineData("reach the red cube", "go to the Red cube", true)]
    [InlineData("reach the red cube", "reach the blue cube", false)]
    [InlineData("put the red cube on the blue plate", "place the red cube on the blue plate", true)]
    [InlineData("put the red cube on the blue plate", "put the green ball on the blue plate", false)]
    [InlineData("push the red cube to the blue ball", "push the blue ball to the red cube", false)]
    [InlineData("lift red cube", "grasp red cube", true)]
    public void Instructions_are_the_same_when_they_name_the_same_things_in_order(string a, string b, bool same) =>
        Assert.Equal(same, SuccessClassifierTraining.WantTheSame(a, b));

    [Fact]
    public void Data_without_successes_or_failures_is_refused()
    {
        var world = new TinyWorld(3, 2, success: _ => false);
        Assert.Throws<ArgumentException>(() => SuccessClassifierTraining.Run(world.Set, [world.Images], world.Encoding, new VlaPolicy(new WeightInitialiser(1), world.Architecture()), new() { Steps = 1, Batch = 4 }, 1, null, SilentProgress.Instance, default));
    }

    [Fact]
    public void Training_lowers_the_loss_and_scores_every_frame()
    {
        var world = new TinyWorld(10, 3);
        var (classifier, losses) = SuccessClassifierTraining.Run(world.Set, [world.Images], world.Encoding, new VlaPolicy(new WeightInitialiser(1), world.Architecture()), new() { Steps = 40, Batch = 16, Shift = 0 }, 1, null, SilentProgress.Instance, default);
        using (classifier)
        {
            Assert.True(losses[^5..].Average() < losses[..5].Average(), $"{losses[..5].Average():F3} → {losses[^5..].Average():F3}");
            float[][] scores = SuccessClassifierTraining.Score(classifier, world.Set, world.Images, world.Encoding);
            Assert.All(scores, s => Assert.Equal(4, s.Length));
            Assert.All(scores.SelectMany(s => s), p => Assert.InRange(p, 0, 1));
        }
    }
}
