using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Ops.Rotary;
using Engine.Runtime.WorldModel;
using Engine.Training.Algorithms;
using Engine.Training.Checkpoints;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Models;

/// <summary>
/// The network that is trained and the runtime that dreams with its weights compute the same frames: the runtime with its key-value
/// cache, against whole passes through libtorch, one for every denoising step of every frame.
/// </summary>
public sealed class DreamAgreementTests
{
    private const int Rows = 4, Columns = 6, Channels = 4, Actions = 5, Window = 4, Frames = 10;
    private const int FrameNumbers = Rows * Columns * Channels;

    [Theory]
    [InlineData(1, true, true)]
    [InlineData(2, true, true)]
    [InlineData(3, true, true)]
    [InlineData(2, true, false)]
    [InlineData(2, false, true)]
    [InlineData(2, false, false)]
    public void Streaming_dreams_are_the_networks_own(int samplingSteps, bool previousFrameInput, bool predictChange)
    {
        using var model = Network(previousFrameInput, predictChange);
        var (first, actions, noise) = Inputs();
        float[] expected = InTorch(model, first, actions, noise, samplingSteps), dreamed = InRuntime(model, first, actions, noise, samplingSteps);
        Assert.True(Spread(expected) > 0.05, "the frames hardly differ from one another: the comparison would say nothing");
        for (int f = 1; f < Frames; f++)
        {
            for (int i = f * FrameNumbers; i < (f + 1) * FrameNumbers; i++)
                Assert.True(Math.Abs(expected[i] - dreamed[i]) <= 1e-3, $"frame {f}, number {i - f * FrameNumbers}: libtorch {expected[i]:R}, runtime {dreamed[i]:R}");
        }
    }

    /// <summary>One teacher-forced pass over all frames, as in training, is one denoising step of every frame.</summary>
    [Fact]
    public void A_teacher_forced_pass_is_what_dreaming_computes()
    {
        using var model = Network(true, true);
        var (first, actions, noise) = Inputs();
        float[] dreamed = InRuntime(model, first, actions, noise, 1);
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        const int targets = Frames - 1;
        float contextScale = MathF.Sqrt(DiffusionSchedule.Default.AlphasCumprod[DiffusionCoefficients.ContextTimestep]);
        Tensor clean = Tensor.FromSpan(dreamed, 1, Frames, Rows, Columns, Channels), context = clean * contextScale;
        Tensor noisy = Tensor.FromSpan(noise.AsSpan(FrameNumbers), 1, targets, Rows, Columns, Channels), before = context.Narrow(1, 0, targets);
        Tensor conditioning = Tensor.FromSpan(actions, 1, Frames, Actions);
        var times = new long[Frames + targets];
        var positions = new int[Frames + targets];
        for (int f = 0; f < Frames; f++) (times[f], positions[f]) = (DiffusionCoefficients.ContextTimestep, f);
        for (int f = 0; f < targets; f++) (times[Frames + f], positions[Frames + f]) = (999, f + 1);
        Tensor velocity = model.Forward(
            Tensor.Cat(1, context, noisy), Tensor.Cat(1, Tensor.ZerosLike(context.Narrow(1, 0, 1)), before, before), Tensor.FromSpan(times, 1, times.Length),
            Tensor.Cat(1, conditioning, conditioning.Narrow(1, 1, targets)), positions, TemporalMask.TeacherForced(Frames, Window)).Narrow(1, Frames, targets);
        double alphaBar = DiffusionSchedule.Default.AlphaBar(999);
        velocity = velocity - before * Math.Sqrt(1 - alphaBar);
        Tensor x0 = noisy * Math.Sqrt(alphaBar) - velocity * Math.Sqrt(1 - alphaBar);
        Torch.Expect.Near(dreamed.AsSpan(FrameNumbers), x0.ToArray(), 1e-3);
    }

    /// <summary>All frames [F, H, W, C], the first given: every denoising step is one pass over the whole past, masked to the window.</summary>
    private static float[] InTorch(DiffusionTransformer model, float[] first, float[] actions, float[] noise, int samplingSteps)
    {
        var schedule = DiffusionSchedule.Default;
        int[] ladder = schedule.Ladder(samplingSteps);
        float contextScale = MathF.Sqrt(schedule.AlphasCumprod[DiffusionCoefficients.ContextTimestep]);
        var frames = new float[Frames * FrameNumbers];
        first.CopyTo(frames, 0);
        using var noGrad = new NoGrad();
        for (int f = 1; f < Frames; f++)
        {
            using var scope = new TensorScope();
            Tensor context = Tensor.FromSpan(frames.AsSpan(0, f * FrameNumbers), 1, f, Rows, Columns, Channels) * contextScale;
            Tensor previous = Tensor.Cat(1, Tensor.Zeros(1, 1, Rows, Columns, Channels), context), last = context.Narrow(1, f - 1, 1);
            Tensor x = Tensor.FromSpan(noise.AsSpan(f * FrameNumbers, FrameNumbers), 1, 1, Rows, Columns, Channels);
            for (int level = samplingSteps; level > 0; level--)
            {
                var times = new long[f + 1];
                Array.Fill(times, DiffusionCoefficients.ContextTimestep);
                times[f] = ladder[level];
                Tensor v = model.Forward(
                    Tensor.Cat(1, context, x), previous, Tensor.FromSpan(times, 1, f + 1), Tensor.FromSpan(actions.AsSpan(0, (f + 1) * Actions), 1, f + 1, Actions),
                    [.. Enumerable.Range(0, f + 1)], TemporalMask.Causal(f + 1, Window)).Narrow(1, f, 1);
                double now = schedule.AlphaBar(ladder[level]), next = schedule.AlphaBar(ladder[level - 1]);
                if (model.Architecture.PredictChange) v = v - last * Math.Sqrt(1 - now);
                Tensor x0 = x * Math.Sqrt(now) - v * Math.Sqrt(1 - now);
                Tensor epsilon = (x * Math.Sqrt(1 / now) - x0) / Math.Sqrt(1 / now - 1);
                x = x0 * Math.Sqrt(next) + epsilon * Math.Sqrt(1 - next);
            }

            x.CopyTo(frames.AsSpan(f * FrameNumbers, FrameNumbers));
        }

        return frames;
    }

    private static float[] InRuntime(DiffusionTransformer model, float[] first, float[] actions, float[] noise, int samplingSteps)
    {
        var a = model.Architecture;
        using var weights = WorldModelWeights.Load(TensorConversion.ToNamedArrays(model.StateDict()), new WorldModelConfig
        {
            InChannels = Channels,
            PatchSize = a.PatchSize,
            Dim = a.Dim,
            NumLayers = a.NumLayers,
            NumHeads = a.NumHeads,
            ActionDim = Actions,
            MaxFrames = Window,
            LatentHeight = Rows,
            LatentWidth = Columns,
            SamplingSteps = samplingSteps,
            SpatialRotary = RotaryFrequencies.Standard,
            PreviousFrameInput = a.PreviousFrameInput,
            PredictChange = a.PredictChange,
        });
        using var dream = new DreamState(weights, 2, DreamMode.Streaming, samplingSteps);
        var frames = new float[Frames * FrameNumbers];
        first.CopyTo(frames, 0);
        dream.Reset(1, 0, first, actions.AsSpan(0, Actions));
        for (int f = 1; f < Frames; f++)
            dream.Step([1], actions.AsSpan(f * Actions, Actions), noise.AsSpan(f * FrameNumbers, FrameNumbers), frames.AsSpan(f * FrameNumbers, FrameNumbers));
        return frames;
    }

    private static (float[] First, float[] Actions, float[] Noise) Inputs()
    {
        var (first, actions, noise) = (new float[FrameNumbers], new float[Frames * Actions], new float[Frames * FrameNumbers]);
        Philox.FillNormal(first, new PhiloxKey(5, PhiloxStream.Latent, 1));
        Philox.FillNormal(actions, new PhiloxKey(5, PhiloxStream.Latent, 2));
        Philox.FillNormal(noise, new PhiloxKey(5, PhiloxStream.DiffusionNoise));
        return (first, actions, noise);
    }

    /// <summary>Random weights throughout: the ones that start at zero would hide the network.</summary>
    private static DiffusionTransformer Network(bool previousFrameInput, bool predictChange)
    {
        var init = new WeightInitialiser(11);
        var model = new DiffusionTransformer(init, new DiffusionTransformerArchitecture
        {
            InChannels = Channels,
            Dim = 32,
            NumLayers = 2,
            NumHeads = 2,
            ActionDim = Actions,
            MaxFrames = Window,
            PreviousFrameInput = previousFrameInput,
            PredictChange = predictChange,
        });
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        foreach (var (name, parameter) in model.NamedParameters())
        {
            if (name.Contains("adaLN", StringComparison.Ordinal)) parameter.CopyInPlace(init.Normal(0.3, parameter.Shape));
            else if (name.StartsWith("final_layer", StringComparison.Ordinal)) parameter.CopyInPlace(init.Normal(0.15, parameter.Shape));
        }

        return model;
    }

    private static double Spread(float[] frames) =>
        Enumerable.Range(FrameNumbers, FrameNumbers * (Frames - 2)).Average(i => Math.Abs(frames[i] - frames[i + FrameNumbers]));
}
