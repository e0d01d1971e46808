using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>
/// Trains the diffusion transformer. v-prediction (Salimans and Ho, arXiv 2202.00512): <c>x_t = √ā·x + √(1−ā)·ε</c>, target
/// <c>v = √ā·ε − √(1−ā)·x</c>. Two objectives:
/// <list type="bullet">
/// <item><em>independent</em> (Diffusion Forcing, arXiv 2407.01392; the original's): every frame has its own t, loss on all frames.</item>
/// <item><em>teacher-forced</em>: a clean context stream and a noisy target stream with shared weights, which is what inference with
/// a key-value cache computes. Half of the context frames enter as at inference (scaled, timestep 14), half with noise, so that the
/// model forgives its own errors. Targets have t ≥ 200, most of them t = 999: with one denoising step no other is ever asked for.</item>
/// </list>
/// </summary>
public static class WorldModelTraining
{
    public sealed class Options
    {
        /// <summary>teacher_forced or independent.</summary>
        public string Objective { get; set; } = "teacher_forced";

        public int Steps { get; set; } = 1200;

        public int Batch { get; set; } = 20;

        /// <summary>Frames of a clip.</summary>
        public int Frames { get; set; } = 6;

        public double LearningRate { get; set; } = 8e-4;

        public double WeightDecay { get; set; } = 1e-4;

        public double EmaDecay { get; set; } = 0.995;

        public double ForegroundWeight { get; set; } = 3;

        /// <summary>Share of the targets that are pure noise (t = 999); teacher_forced only.</summary>
        public double FullNoiseShare { get; set; } = 0.7;

        public int Dim { get; set; } = 128;

        public int Layers { get; set; } = 3;

        public int Heads { get; set; } = 4;

        /// <summary>Frames that a frame sees, itself included.</summary>
        public int Window { get; set; } = 4;

        public bool PreviousFrameInput { get; set; } = true;

        public bool PredictChange { get; set; } = true;

        /// <summary>DDIM steps at inference.</summary>
        public int SamplingSteps { get; set; } = 1;

        /// <summary>The same settings for going on from a trained model.</summary>
        public Options Continued(int steps, double learningRate)
        {
            var options = (Options)MemberwiseClone();
            (options.Steps, options.LearningRate) = (steps, learningRate);
            return options;
        }
    }

    /// <summary>Clips for training: latents and what is known of the actions, by episode.</summary>
    /// <param name="Latents">[T + 1, h, w, C] of each episode, flattened.</param>
    /// <param name="Episodes">The episodes, for actions and commanded poses.</param>
    /// <param name="Embodiment">Limits and workspace.</param>
    /// <param name="Rows">Latent rows h.</param>
    /// <param name="Columns">Latent columns w.</param>
    /// <param name="Channels">Latent channels C.</param>
    public sealed record Clips(float[][] Latents, IReadOnlyList<Episode> Episodes, EmbodimentSpec Embodiment, int Rows, int Columns, int Channels);

    /// <param name="clips">What is learnt from.</param>
    /// <param name="options">Settings.</param>
    /// <param name="seed">Seed of weights, clips and noise.</param>
    /// <param name="checkpoint">Folder to resume from; null for none.</param>
    /// <param name="start">Weights to go on from; null for fresh ones.</param>
    /// <param name="progress">Where progress goes.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <returns>The model with its EMA weights, and the losses.</returns>
    public static (DiffusionTransformer Model, float[] Losses) Run(Clips clips, Options options, ulong seed, string? checkpoint, IReadOnlyDictionary<string, Tensor>? start, IProgressReporter progress, CancellationToken cancellation)
    {
        bool forced = options.Objective switch
        {
            "teacher_forced" => true,
            "independent" => false,
            _ => throw new ArgumentException($"objective is '{options.Objective}'; expected teacher_forced or independent."),
        };
        if (!forced && (options.PreviousFrameInput || options.PredictChange))
            throw new ArgumentException("objective independent takes neither previous_frame_input nor predict_change: set both to false, or use teacher_forced.");
        var architecture = new DiffusionTransformerArchitecture
        {
            InChannels = clips.Channels,
            Dim = options.Dim,
            NumLayers = options.Layers,
            NumHeads = options.Heads,
            ActionDim = ActionConditioning.Width,
            MaxFrames = options.Window,
            PreviousFrameInput = options.PreviousFrameInput,
            PredictChange = options.PredictChange,
        };
        var model = new DiffusionTransformer(new WeightInitialiser(seed ^ 0x574D), architecture);
        if (start is not null) model.LoadStateDict(start);
        var optimizer = new AdamW(model.Parameters(), options.LearningRate, 0.9, forced ? 0.98 : 0.99, weightDecay: options.WeightDecay);
        var ema = new Ema(model, options.EmaDecay, warmup: true);
        var sampler = new ClipSampler(clips, options.Batch, options.Frames, seed);
        var loop = new TrainingLoop
        {
            Name = "world model",
            Model = model,
            Optimizer = optimizer,
            Ema = ema,
            Steps = options.Steps,
            LearningRate = options.LearningRate,
            WarmupSteps = 100,
            CheckpointFolder = checkpoint,
            CheckpointEvery = 200,
        };
        var losses = loop.Run(step => forced ? TeacherForced(model, sampler, options, seed, step) : Independent(model, sampler, seed, step), progress, cancellation);
        ema.CopyTo(model);
        return (model, losses);
    }

    /// <summary>
    /// The original's loss: mean squared error of the predicted velocity, over frames, given everything that is drawn at random.
    /// Shapes: latents and noise [B, T, H, W, C], timesteps int64 [B, T], actions [B, T, A]; valid [B, T] is 1 for the frames that
    /// count and 0 for padding, null when all do.
    /// </summary>
    public static Tensor VelocityLoss(DiffusionTransformer model, Tensor latents, Tensor noise, Tensor timesteps, Tensor actions, Tensor? valid = null)
    {
        var (signal, spread) = Coefficients(timesteps);
        var predicted = model.Forward(latents * signal + noise * spread, timesteps, actions);
        var velocity = noise * signal - latents * spread;
        if (valid is null) return Functional.MseLoss(predicted, velocity);
        return ((predicted - velocity).Square().Flatten(2).Mean(2) * valid).Sum() / valid.Sum();
    }

    private static Tensor Independent(DiffusionTransformer model, ClipSampler sampler, ulong seed, long step)
    {
        var clip = sampler.Draw(step);
        var random = new PhiloxRandom(new PhiloxKey(seed, PhiloxStream.DiffusionTime, 0, 0, (uint)step));
        var timesteps = new long[clip.Batch * clip.Frames];
        for (int i = 0; i < timesteps.Length; i++) timesteps[i] = random.NextInt(1000);
        var noise = Noise.Normal(new PhiloxKey(seed, PhiloxStream.DiffusionNoise, 0, 0, (uint)step), clip.Latents.Shape);
        return VelocityLoss(model, clip.Latents, noise, Tensor.FromSpan(timesteps, clip.Batch, clip.Frames), clip.Actions, clip.Valid);
    }

    private static Tensor TeacherForced(DiffusionTransformer model, ClipSampler sampler, Options options, ulong seed, long step)
    {
        var clip = sampler.Draw(step);
        int b = clip.Batch, frames = clip.Frames, targets = frames - 1;
        var random = new PhiloxRandom(new PhiloxKey(seed, PhiloxStream.DiffusionTime, 0, 0, (uint)step));
        var contextTime = new long[b * frames];
        var contextNoise = new float[b * frames];
        var targetTime = new long[b * targets];
        for (int i = 0; i < b; i++)
        {
            int most = random.NextFloat() < 0.8f ? 120 : 350;
            for (int f = 0; f < frames; f++)
            {
                bool noisy = random.NextFloat() < 0.5f;
                contextTime[i * frames + f] = noisy ? random.NextInt(most) : DiffusionCoefficients.ContextTimestep;
                contextNoise[i * frames + f] = noisy ? 1 : 0;
            }

            for (int f = 0; f < targets; f++) targetTime[i * targets + f] = random.NextFloat() < options.FullNoiseShare ? 999 : 200 + random.NextInt(800);
        }

        var latents = clip.Latents;
        var contextTimesteps = Tensor.FromSpan(contextTime, b, frames);
        var (contextSignal, contextSpread) = Coefficients(contextTimesteps);
        contextSpread = contextSpread * Tensor.FromSpan(contextNoise, b, frames, 1, 1, 1);
        var context = latents * contextSignal + Noise.Normal(new PhiloxKey(seed, PhiloxStream.DiffusionNoise, 0, 0, (uint)step), latents.Shape) * contextSpread;

        var truth = latents.Narrow(1, 1, targets);
        var targetTimesteps = Tensor.FromSpan(targetTime, b, targets);
        var (signal, spread) = Coefficients(targetTimesteps);
        var noise = Noise.Normal(new PhiloxKey(seed, PhiloxStream.DiffusionNoise, 1, 0, (uint)step), truth.Shape);
        var noisyTargets = truth * signal + noise * spread;
        var before = context.Narrow(1, 0, targets);
        var previous = Tensor.Cat(1, Tensor.ZerosLike(context.Narrow(1, 0, 1)), before, before);

        var mask = TemporalMask.TeacherForced(frames, options.Window);
        var positions = new int[frames + targets];
        for (int f = 0; f < frames; f++) positions[f] = f;
        for (int f = 0; f < targets; f++) positions[frames + f] = f + 1;
        var output = model.Forward(
            Tensor.Cat(1, context, noisyTargets), previous, Tensor.Cat(1, contextTimesteps, targetTimesteps),
            Tensor.Cat(1, clip.Actions, clip.Actions.Narrow(1, 1, targets)), positions, mask).Narrow(1, frames, targets);
        if (options.PredictChange) output = output - before * spread;

        var error = (output - (noise * signal - truth * spread)).Square();
        var weight = (truth - sampler.Background).Abs().AMax(4, true).Gt(1).To(ScalarType.Float32) * options.ForegroundWeight + 1.0;
        var perFrame = (error * (weight / weight.Mean())).Flatten(2).Mean(2);
        var valid = clip.Valid.Narrow(1, 1, targets);
        return (perFrame * valid).Sum() / valid.Sum();
    }

    /// <summary>√ā and √(1 − ā) of timesteps [B, T] as [B, T, 1, 1, 1].</summary>
    private static (Tensor Signal, Tensor Spread) Coefficients(Tensor timesteps)
    {
        long b = timesteps.Size(0), t = timesteps.Size(1);
        var alphaBar = DiffusionCoefficients.AlphaBar(timesteps.Device).IndexSelect(0, timesteps.Reshape(-1)).Reshape(b, t, 1, 1, 1);
        return (alphaBar.Sqrt(), (1.0 - alphaBar).Sqrt());
    }
}
