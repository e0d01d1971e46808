using Engine.Runtime.Contract;
using Engine.Training.Algorithms;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Learning;

public sealed class WorldModelTrainingTests
{
    private static WorldModelTraining.Options Small(string objective, int steps) => new()
    {
        Objective = objective,
        Steps = steps,
        Batch = 8,
        Frames = 4,
        Dim = 16,
        Layers = 1,
        Heads = 2,
        Window = 3,
        LearningRate = 4e-3,
        PreviousFrameInput = objective == "teacher_forced",
        PredictChange = objective == "teacher_forced",
    };

    [Theory]
    [InlineData("teacher_forced")]
    [InlineData("independent")]
    public void Both_objectives_learn_from_clips_long_and_short(string objective)
    {
        // Episodes of three frames and of seven: clips of four frames are padded in the one and cut from the other.
        var clips = Clips(out var world);
        var (model, losses) = WorldModelTraining.Run(clips, Small(objective, 120), 2, null, null, SilentProgress.Instance, default);
        model.Dispose();
        Assert.All(losses, loss => Assert.True(float.IsFinite(loss)));
        Assert.True(losses[^20..].Average() < 0.85 * losses[..20].Average(), $"{losses[..20].Average():F3} → {losses[^20..].Average():F3}");
        Assert.True(world.Set.StepCount > 0);
    }

    [Fact]
    public void The_seed_decides_everything_that_is_drawn()
    {
        var clips = Clips(out _);
        float[] Losses(ulong seed)
        {
            var (model, losses) = WorldModelTraining.Run(clips, Small("teacher_forced", 3), seed, null, null, SilentProgress.Instance, default);
            model.Dispose();
            return losses;
        }

        Assert.Equal(Losses(1), Losses(1));
        Assert.NotEqual(Losses(1), Losses(2));
    }

    /// <summary>Frames of padding are no data: with them masked, the loss is that of the frames that there are (attention is causal).</summary>
    [Fact]
    public void Padded_frames_take_no_part_in_the_loss()
    {
        var init = new WeightInitialiser(3);
        using var model = new DiffusionTransformer(init, new DiffusionTransformerArchitecture { Dim = 16, NumLayers = 1, NumHeads = 2, ActionDim = 5, MaxFrames = 4 });
        using var scope = new TensorScope();
        using (new NoGrad())
        {
            foreach (var (_, parameter) in model.NamedParameters()) parameter.CopyInPlace(init.Normal(0.2, parameter.Shape));
        }

        Tensor latents = init.Normal(1, 1, 4, 2, 2, 4), noise = init.Normal(1, 1, 4, 2, 2, 4), actions = init.Normal(1, 1, 4, 5), times = Tensor.FromSpan([300L, 20, 999, 500], 1, 4);
        float masked = WorldModelTraining.VelocityLoss(model, latents, noise, times, actions, Tensor.FromSpan([1f, 1, 0, 0], 1, 4)).Item();
        float cut = WorldModelTraining.VelocityLoss(model, latents.Narrow(1, 0, 2), noise.Narrow(1, 0, 2), times.Narrow(1, 0, 2), actions.Narrow(1, 0, 2)).Item();
        float all = WorldModelTraining.VelocityLoss(model, latents, noise, times, actions).Item();
        Assert.Equal(cut, masked, 1e-5f);
        Assert.NotEqual(all, masked, 1e-3f);
    }

    [Fact]
    public void Options_that_cannot_go_together_are_refused()
    {
        var clips = Clips(out _);
        Assert.Throws<ArgumentException>(() => WorldModelTraining.Run(clips, Small("both", 1), 1, null, null, SilentProgress.Instance, default));
        var options = Small("independent", 1);
        options.PredictChange = true;
        Assert.Throws<ArgumentException>(() => WorldModelTraining.Run(clips, options, 1, null, null, SilentProgress.Instance, default));
    }

    private static WorldModelTraining.Clips Clips(out TinyWorld world)
    {
        world = new TinyWorld(4, 6);
        var shorter = new TinyWorld(4, 2, seed: 9);
        using var trained = new VariationalAutoencoder(new WeightInitialiser(7), 4, 8);
        using var autoencoder = trained.ToRuntime(world.Camera.Height, world.Camera.Width);
        float[][] latents = [.. AutoencoderTraining.Encode(autoencoder, world.Set, SilentProgress.Instance, default), .. AutoencoderTraining.Encode(autoencoder, shorter.Set, SilentProgress.Instance, default)];
        return new WorldModelTraining.Clips(latents, [.. world.Set.Episodes, .. shorter.Set.Episodes], world.Embodiment, 2, 2, 4);
    }
}
