using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Contract;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>
/// Trains the classifier that ends imagined episodes: does this frame show the instruction fulfilled? It sees frames as a dream shows
/// them: through the autoencoder, and dreamt over again from the recorded actions, whose real outcome is known; and the commanded pose,
/// which a dream knows exactly. It starts from the perception of the cloned policy, which finds the named object already. A batch is a
/// quarter of positives (last frames of successes), a quarter of last frames that are not, a quarter of any other frames, and a quarter of
/// success frames under another instruction. Every frame of a success also says where that success ended (hindsight), which teaches the
/// classifier to find the named object.
/// </summary>
public static class SuccessClassifierTraining
{
    public sealed class Options
    {
        public int Steps { get; set; } = 700;

        public int Batch { get; set; } = 64;

        public double LearningRate { get; set; } = 1e-3;

        public double WeightDecay { get; set; } = 1e-3;

        /// <summary>Greatest random shift (pixels); small, because a shifted image contradicts the pose.</summary>
        public int Shift { get; set; } = 1;

        /// <summary>Weight of the squared error of where a success ends (positions scaled to ±1 over the workspace).</summary>
        public double EndWeight { get; set; } = 10;
    }

    /// <param name="data">Episodes with success labels; both kinds are needed.</param>
    /// <param name="appearances">The same frames, u8 by episode, in each of the ways in which they may look; the first way gives the episodes' first frames.</param>
    /// <param name="encoding">Scale of the states.</param>
    /// <param name="start">The cloned policy whose trunk and text encoder the classifier starts from.</param>
    /// <param name="options">Settings.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="checkpoint">Folder to resume from; null for none.</param>
    /// <param name="progress">Where progress goes.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <exception cref="ArgumentException">No success or no failure in the data.</exception>
    public static (SuccessClassifier Classifier, float[] Losses) Run(TrainingSet data, IReadOnlyList<byte[][]> appearances, PolicyEncoding encoding, VlaPolicy start, Options options, ulong seed, string? checkpoint, IProgressReporter progress, CancellationToken cancellation)
    {
        var positives = new List<(int Episode, int Time)>();
        var near = new List<(int Episode, int Time)>();
        var negatives = new List<(int Episode, int Time)>();
        for (int e = 0; e < data.Episodes.Count; e++)
        {
            int length = data.Episodes[e].Length;
            bool success = data.Episodes[e].Success;
            if (success) positives.Add((e, length));
            for (int t = 0; t <= length - (success ? 1 : 0); t++)
            {
                negatives.Add((e, t));
                if (t >= length - 3) near.Add((e, t));
            }
        }

        if (positives.Count == 0 || near.Count == 0)
            throw new ArgumentException($"The success classifier needs successes and failures; the data has {positives.Count} successes in {data.Episodes.Count} episodes. Collect more (engine collect).", nameof(data));
        var model = new SuccessClassifier(new WeightInitialiser(seed ^ 0x434C), start.Architecture);
        model.Trunk.CopyFrom(start.Perception.Trunk);
        model.Text.CopyFrom(start.Perception.Text);
        int words = start.Architecture.MaxWords;
        var optimizer = new AdamW(model.Parameters(), options.LearningRate, weightDecay: options.WeightDecay);
        var batch = new ImageBatch(data.Camera.Height, data.Camera.Width);
        var first = new ImageBatch(data.Camera.Height, data.Camera.Width);
        var loop = new TrainingLoop { Name = "success classifier", Model = model, Optimizer = optimizer, Steps = options.Steps, LearningRate = options.LearningRate, CheckpointFolder = checkpoint };
        return (model, loop.Run(Loss, progress, cancellation));

        Tensor Loss(long step)
        {
            var random = new PhiloxRandom(new PhiloxKey(seed, PhiloxStream.MinibatchOrder, 5, 0, (uint)step));
            int quarter = options.Batch / 4, count = quarter * 4;
            var labels = new float[count];
            var brightness = new float[count];
            var tokens = new long[count * words];
            var poses = new float[count * SuccessClassifier.PoseWidth];
            var ends = new float[count * 3];
            var known = new float[count];
            batch.Clear();
            first.Clear();
            for (int i = 0; i < count; i++)
            {
                var source = (i / quarter) switch { 0 or 3 => positives, 1 => near, _ => negatives };
                var (e, t) = source[random.NextInt(source.Count)];
                labels[i] = i < quarter ? 1 : 0;
                bool other = i / quarter == 3;
                (other ? OtherInstruction(data, e, random) : data.Tokens[e]).CopyTo(tokens, i * words);
                brightness[i] = 0.05f * random.NextNormal();
                var episode = data.Episodes[e];
                SuccessClassifier.Pose(episode.Command(t), encoding, poses.AsSpan(i * SuccessClassifier.PoseWidth, SuccessClassifier.PoseWidth));
                if (episode.Success && !other)
                {
                    known[i] = 1;
                    encoding.Contract.Embodiment.ScalePosition(episode.Command(episode.Length), ends.AsSpan(3 * i, 3));
                }

                var (rows, columns) = (random.NextInt(2 * options.Shift + 1) - options.Shift, random.NextInt(2 * options.Shift + 1) - options.Shift);
                batch.Add(appearances[random.NextInt(appearances.Count)][e].AsSpan(t * data.Camera.Bytes, data.Camera.Bytes), rows, columns);
                first.Add(appearances[0][e].AsSpan(0, data.Camera.Bytes), rows, columns);
            }

            var light = Tensor.FromSpan(brightness, count, 1, 1, 1);
            var instruction = Tensor.FromSpan(tokens, count, words);
            var features = model.Features(Tensor.Cat(0, batch.ToTensor() + light, first.ToTensor() + light), Tensor.Cat(0, instruction, instruction));
            var (logits, end) = model.FromFeatures(features.Narrow(0, count, count), features.Narrow(0, 0, count), Tensor.FromSpan(poses, count, SuccessClassifier.PoseWidth));
            var error = ((end - Tensor.FromSpan(ends, count, 3)) * Tensor.FromSpan(known, count, 1)).Square().Sum() * (1.0 / (3 * known.Sum()));
            return Functional.BinaryCrossEntropyWithLogits(logits, Tensor.FromSpan(labels, count)) + error * options.EndWeight;
        }
    }

    /// <summary>Success probability of every frame [T + 1], by episode, from frames in one of their appearances.</summary>
    public static float[][] Score(SuccessClassifier model, TrainingSet data, byte[][] appearance, PolicyEncoding encoding)
    {
        using var noGrad = new NoGrad();
        using var device = new DeviceScope(model.Device);
        var scores = new float[data.Episodes.Count][];
        for (int e = 0; e < scores.Length; e++)
        {
            using var scope = new TensorScope();
            int frames = data.Episodes[e].Length + 1;
            var tokens = Tensor.FromSpan(data.Tokens[e], 1, data.Tokens[e].Length).Expand(frames, -1).Contiguous();
            var poses = new float[frames * SuccessClassifier.PoseWidth];
            for (int t = 0; t < frames; t++) SuccessClassifier.Pose(data.Episodes[e].Command(t), encoding, poses.AsSpan(t * SuccessClassifier.PoseWidth, SuccessClassifier.PoseWidth));
            var features = model.Features(ImageBatch.FromBytes(appearance[e], data.Camera.Height, data.Camera.Width), tokens);
            scores[e] = model.FromFeatures(features.Narrow(0, 0, 1).Expand(frames, -1), features, Tensor.FromSpan(poses, frames, SuccessClassifier.PoseWidth)).Logits.Sigmoid().ToArray();
        }

        return scores;
    }

    /// <summary>
    /// The threshold whose share of episodes called successful (some frame above it) is right most often, F1 over held-out episodes.
    /// </summary>
    public static (float Threshold, double F1, double Precision, double Recall) Calibrate(float[][] scores, IReadOnlyList<Episode> episodes)
    {
        var best = (Threshold: 0.5f, F1: -1.0, Precision: 0.0, Recall: 0.0);
        foreach (float threshold in (ReadOnlySpan<float>)[0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.85f, 0.9f, 0.95f, 0.98f])
        {
            int truePositive = 0, falsePositive = 0, falseNegative = 0;
            for (int e = 0; e < scores.Length; e++)
            {
                bool called = scores[e].AsSpan(1).ContainsAnyExceptInRange(float.NegativeInfinity, threshold);
                if (called && episodes[e].Success) truePositive++;
                else if (called) falsePositive++;
                else if (episodes[e].Success) falseNegative++;
            }

            double precision = truePositive / Math.Max(1.0, truePositive + falsePositive), recall = truePositive / Math.Max(1.0, truePositive + falseNegative);
            double f1 = precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
            if (f1 > best.F1 + 0.002) best = (threshold, f1, precision, recall);
        }

        return best;
    }

    private static long[] OtherInstruction(TrainingSet data, int episode, PhiloxRandom random)
    {
        for (int attempt = 0; attempt < 32; attempt++)
        {
            int other = random.NextInt(data.Episodes.Count);
            if (!WantTheSame(data.Episodes[other].Instruction, data.Episodes[episode].Instruction)) return data.Tokens[other];
        }

        // A data set with one instruction has no other: an empty instruction is never fulfilled.
        return new long[data.Tokens[episode].Length];
    }

    /// <summary>
    /// Two instructions want the same when they name the same things in the same order: the two words (colour and shape) after each
    /// "the", or the last two words where there is none.
    /// </summary>
    public static bool WantTheSame(string a, string b) => Named(a).SequenceEqual(Named(b), StringComparer.OrdinalIgnoreCase);

    private static List<string> Named(string instruction)
    {
        string[] words = instruction.TrimEnd('.', '!').Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var named = new List<string>();
        for (int i = 0; i < words.Length; i++)
        {
            if (string.Equals(words[i], "the", StringComparison.OrdinalIgnoreCase)) named.AddRange(words.Skip(i + 1).Take(2));
        }

        return named.Count > 0 ? named : [.. words.TakeLast(2)];
    }
}
