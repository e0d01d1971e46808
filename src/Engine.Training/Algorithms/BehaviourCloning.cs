using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Algorithms;

/// <summary>
/// Clones the actions of demonstrations: cross-entropy of the action tokens, teacher-forced, with targets smoothed over neighbouring bins
/// (a Gaussian of σ bins, because a bin beside the right one is nearly right). Images are shifted at random by up to a few pixels and
/// changed in brightness; half of them are replaced by their reconstruction, so that dreams look familiar.
/// <para>
/// Beside the actions, a linear head on the fused features says where the demonstration ends (the last commanded position, hindsight that
/// every demonstration holds). Actions saturate and say little more than a direction; the end says which object was meant, and the
/// instruction is grounded many times sooner. The head is dropped after training.
/// </para>
/// </summary>
public static class BehaviourCloning
{
    public sealed class Options
    {
        public int Steps { get; set; } = 500;

        public int Batch { get; set; } = 64;

        public double LearningRate { get; set; } = 1e-3;

        public double WeightDecay { get; set; } = 1e-4;

        /// <summary>σ of the smoothed targets (bins).</summary>
        public double SmoothingBins { get; set; } = 4;

        /// <summary>Greatest random shift (pixels).</summary>
        public int Shift { get; set; } = 4;

        /// <summary>Standard deviation of the random brightness (images are in [−1, 1]).</summary>
        public double Brightness { get; set; } = 0.05;

        /// <summary>Share of images that are replaced by their reconstruction.</summary>
        public double ReconstructionShare { get; set; } = 0.5;

        /// <summary>Chance that a sample's state is hidden (zeros), so that the policy looks at the image.</summary>
        public double StateDropout { get; set; } = 0.3;

        /// <summary>Weight of the squared error of the demonstration's end (positions scaled to ±1 over the workspace).</summary>
        public double EndWeight { get; set; } = 20;
    }

    /// <param name="data">Demonstrations.</param>
    /// <param name="reconstructions">The same frames through the autoencoder, u8 [T + 1, H, W, 3] by episode; null for none.</param>
    /// <param name="encoding">Units and tokens.</param>
    /// <param name="architecture">Sizes.</param>
    /// <param name="options">Settings.</param>
    /// <param name="seed">Seed of weights, order and augmentation.</param>
    /// <param name="checkpoint">Folder to resume from; null for none.</param>
    /// <param name="start">Weights to start from; null for fresh ones.</param>
    /// <param name="progress">Where progress goes.</param>
    /// <param name="cancellation">Stops the run.</param>
    public static (VlaPolicy Policy, float[] Losses) Run(TrainingSet data, byte[][]? reconstructions, PolicyEncoding encoding, VlaArchitecture architecture, Options options, ulong seed, string? checkpoint, VlaPolicy? start, IProgressReporter progress, CancellationToken cancellation)
    {
        var policy = new VlaPolicy(new WeightInitialiser(seed ^ 0x4243), architecture);
        if (start is not null) policy.CopyFrom(start);
        var model = new WithEndHead(policy, new Linear(new WeightInitialiser(seed ^ 0x454E44), architecture.Hidden, 3));
        var optimizer = new AdamW(model.Parameters(), options.LearningRate, 0.9, 0.999, weightDecay: options.WeightDecay);
        var sampler = new PolicyBatchSampler(data, reconstructions, encoding, options, seed);
        var loop = new TrainingLoop { Name = "clone the demonstrations", Model = model, Optimizer = optimizer, Steps = options.Steps, LearningRate = options.LearningRate, CheckpointFolder = checkpoint };
        var losses = loop.Run(step =>
        {
            var batch = sampler.Draw(step, options.Batch);
            var fused = policy.Fuse(batch.Images, batch.Tokens, batch.States);
            var loss = Loss(policy.Decode(fused, batch.Classes), batch, sampler.SmoothedTargets);
            return options.EndWeight > 0 ? loss + Functional.MseLoss(model.End.Forward(fused), sampler.Ends(batch.Steps)) * options.EndWeight : loss;
        }, progress, cancellation);
        return (policy, losses);
    }

    /// <summary>Cross-entropy, summed over action tokens, averaged over the batch.</summary>
    internal static Tensor Loss(Tensor logits, PolicyBatchSampler.Batch batch, Func<long[], Tensor> targets) =>
        -(targets(batch.ClassValues).Reshape(logits.Shape) * logits.LogSoftmax(2)).Sum() * (1.0 / batch.Count);

    private sealed class WithEndHead : Module
    {
        public WithEndHead(VlaPolicy policy, Linear end)
        {
            Child("policy", policy);
            End = Child("end", end);
        }

        public Linear End { get; }
    }
}
