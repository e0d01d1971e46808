using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Algorithms.Models;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>
/// Learns a dense reward from success labels by randomised return decomposition (Ren et al., arXiv 2111.13485): the mean predicted reward of
/// K steps drawn without replacement is regressed on return / length, less the estimate's own variance when bias correction is on.
/// The network sees the classifier's features of the frames before and after a step and the action.
/// </summary>
public static class RewardTraining
{
    public sealed class Options
    {
        public int Steps { get; set; } = 800;

        public int Batch { get; set; } = 64;

        /// <summary>Steps drawn from an episode, K.</summary>
        public int Draws { get; set; } = 6;

        public double LearningRate { get; set; } = 5e-4;

        public double WeightDecay { get; set; } = 1e-3;

        public int Hidden { get; set; } = 128;

        public int Layers { get; set; } = 3;

        public bool BiasCorrection { get; set; } = true;
    }

    /// <summary>Features [T + 1, F] of every frame by episode.</summary>
    public static float[][] Features(SuccessClassifier classifier, TrainingSet data, byte[][] reconstructions)
    {
        using var noGrad = new NoGrad();
        using var device = new DeviceScope(classifier.Device);
        var features = new float[data.Episodes.Count][];
        for (int e = 0; e < features.Length; e++)
        {
            using var scope = new TensorScope();
            int frames = data.Episodes[e].Length + 1;
            var tokens = Tensor.FromSpan(data.Tokens[e], 1, data.Tokens[e].Length).Expand(frames, -1).Contiguous();
            features[e] = classifier.Features(ImageBatch.FromBytes(reconstructions[e], data.Camera.Height, data.Camera.Width), tokens).ToArray();
        }

        return features;
    }

    /// <param name="data">Episodes with success labels (return 1 or 0).</param>
    /// <param name="features">Their features, from <see cref="Features"/>.</param>
    /// <param name="classifier">Whose features they are.</param>
    /// <param name="embodiment">Limits that scale the actions.</param>
    /// <param name="options">Settings.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="checkpoint">Folder to resume from; null for none.</param>
    /// <param name="progress">Where progress goes.</param>
    /// <param name="cancellation">Stops the run.</param>
    public static (RewardModel Reward, float[] Losses) Run(TrainingSet data, float[][] features, SuccessClassifier classifier, EmbodimentSpec embodiment, Options options, ulong seed, string? checkpoint, IProgressReporter progress, CancellationToken cancellation)
    {
        var reward = Create(classifier, embodiment, options, seed);
        int width = classifier.FeatureWidth;
        var episodes = Enumerable.Range(0, data.Episodes.Count).Where(e => data.Episodes[e].Length > 0).ToArray();
        var optimizer = new AdamW(reward.Network.Parameters(), options.LearningRate, weightDecay: options.WeightDecay);
        var loop = new TrainingLoop { Name = "reward (RRD)", Model = reward.Network, Optimizer = optimizer, Steps = options.Steps, LearningRate = options.LearningRate, CheckpointFolder = checkpoint };
        return (reward, loop.Run(Loss, progress, cancellation));

        Tensor Loss(long step)
        {
            var random = new PhiloxRandom(new PhiloxKey(seed, PhiloxStream.RewardDraw, 0, 0, (uint)step));
            int count = options.Batch * options.Draws;
            var before = new float[count * width];
            var after = new float[count * width];
            var actions = new float[count * 7];
            var lengths = new int[options.Batch];
            var returns = new float[options.Batch];
            for (int b = 0; b < options.Batch; b++)
            {
                int e = episodes[random.NextInt(episodes.Length)], length = data.Episodes[e].Length;
                lengths[b] = length;
                returns[b] = data.Episodes[e].Success ? 1 : 0;
                var order = Enumerable.Range(0, length).ToArray();
                random.Shuffle(order.AsSpan());
                for (int k = 0; k < Math.Min(options.Draws, length); k++)
                {
                    int at = b * options.Draws + k, t = order[k];
                    features[e].AsSpan(t * width, width).CopyTo(before.AsSpan(at * width));
                    features[e].AsSpan((t + 1) * width, width).CopyTo(after.AsSpan(at * width));
                    for (int i = 0; i < 7; i++) actions[at * 7 + i] = data.Episodes[e].Actions[t, i];
                }
            }

            var predicted = reward.Forward(before, after, actions, count).Reshape(options.Batch, options.Draws);
            return RandomisedReturnDecomposition.Loss(predicted, lengths, returns, biasCorrection: options.BiasCorrection).Total;
        }
    }

    /// <summary>An untrained reward model of the right sizes.</summary>
    public static RewardModel Create(SuccessClassifier classifier, EmbodimentSpec embodiment, Options options, ulong seed)
    {
        var network = new RewardNetwork(new WeightInitialiser(seed ^ 0x5252), new RewardNetworkShape(classifier.Text.Width, classifier.Trunk.Width, 7, options.Hidden, options.Layers));
        return new RewardModel(network, classifier.Trunk.Width, classifier.Text.Width, embodiment);
    }

    /// <summary>Predicted rewards [T] of every episode.</summary>
    public static float[][] Score(RewardModel reward, TrainingSet data, float[][] features, int width)
    {
        var scores = new float[data.Episodes.Count][];
        for (int e = 0; e < scores.Length; e++)
        {
            int length = data.Episodes[e].Length;
            var actions = new float[length * 7];
            for (int t = 0; t < length; t++)
                for (int i = 0; i < 7; i++) actions[t * 7 + i] = data.Episodes[e].Actions[t, i];
            scores[e] = length == 0 ? [] : reward.Predict(features[e].AsSpan(0, length * width), features[e].AsSpan(width, length * width), actions, length);
        }

        return scores;
    }
}
