using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>
/// Clones the actions of demonstrations: cross-entropy of the action tokens, teacher-forced, with targets smoothed over neighbouring bins
/// (a Gaussian of σ bins, because a bin beside the right one is nearly right). Images are shifted at random by up to a few pixels and
/// changed in brightness; half of them are replaced by their reconstruction, so that dreams look familiar.
/// </summary>
public static class BehaviourCloning
{
    public sealed class Options
    {
        public int Steps { get; set; } = 700;

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
        var optimizer = new AdamW(policy.Parameters(), options.LearningRate, 0.9, 0.999, weightDecay: options.WeightDecay);
        var sampler = new PolicyBatchSampler(data, reconstructions, encoding, options, seed);
        var loop = new TrainingLoop { Name = "clone the demonstrations", Model = policy, Optimizer = optimizer, Steps = options.Steps, LearningRate = options.LearningRate, CheckpointFolder = checkpoint };
        var losses = loop.Run(step => Loss(policy, sampler.Draw(step, options.Batch), sampler.SmoothedTargets), progress, cancellation);
        return (policy, losses);
    }

    /// <summary>Cross-entropy, summed over action tokens, averaged over the batch.</summary>
    internal static Tensor Loss(VlaPolicy policy, PolicyBatchSampler.Batch batch, Func<long[], Tensor> targets)
    {
        var logits = policy.Logits(batch.Images, batch.Tokens, batch.States, batch.Classes);
        return -(targets(batch.ClassValues).Reshape(logits.Shape) * logits.LogSoftmax(2)).Sum() * (1.0 / batch.Count);
    }
}
