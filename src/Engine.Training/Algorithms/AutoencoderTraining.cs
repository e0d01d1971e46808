using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Autoencoding;
using Engine.Runtime.Contract;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>
/// Trains the autoencoder on all frames: <c>mean(w·(d² + 0.3·|d|)) + β·KL(q ‖ N(0, 1))</c>, d = reconstruction − image,
/// w = 1 + foreground weight where a pixel differs from the median image (small moving things are what matters and are few pixels).
/// Afterwards stores the mean and deviation of the latents, so that the world model sees unit variance.
/// </summary>
public static class AutoencoderTraining
{
    public sealed class Options
    {
        public int Steps { get; set; } = 900;

        public int Batch { get; set; } = 48;

        public double LearningRate { get; set; } = 1.5e-3;

        public double KlWeight { get; set; } = 1e-4;

        public double ForegroundWeight { get; set; } = 8;

        public int LatentChannels { get; set; } = 4;

        public int Width { get; set; } = 24;
    }

    /// <returns>The trained model and its losses.</returns>
    public static (VariationalAutoencoder Model, float[] Losses) Run(TrainingSet data, Options options, ulong seed, string? checkpoint, IProgressReporter progress, CancellationToken cancellation)
    {
        var model = new VariationalAutoencoder(new WeightInitialiser(seed ^ 0x5641_45), options.LatentChannels, options.Width);
        var optimizer = new AdamW(model.Parameters(), options.LearningRate, 0.9, 0.98, weightDecay: 1e-4);
        var background = TensorScope.Free(Background(data, seed));
        var batch = new ImageBatch(data.Camera.Height, data.Camera.Width);
        var loop = new TrainingLoop { Name = "autoencoder", Model = model, Optimizer = optimizer, Steps = options.Steps, LearningRate = options.LearningRate, CheckpointFolder = checkpoint };
        var losses = loop.Run(Loss, progress, cancellation);
        Normalise(model, data);
        return (model, losses);

        Tensor Loss(long step)
        {
            var random = new PhiloxRandom(new PhiloxKey(seed, PhiloxStream.MinibatchOrder, 1, 0, (uint)step));
            batch.Clear();
            for (int i = 0; i < options.Batch; i++)
            {
                var (episode, time) = data.FrameAt(random.NextInt(data.FrameCount));
                batch.Add(data.Image(episode, time));
            }

            var images = batch.ToTensor();
            var (mean, logVariance) = model.Posterior(images);
            var noise = Noise.Normal(new PhiloxKey(seed, PhiloxStream.Latent, 0, 0, (uint)step), mean.Shape);
            var difference = model.DecodeRaw(mean + noise * (logVariance * 0.5).Exp()) - images;
            var weight = (images - background).Abs().AMax(1, true).Gt(0.15).To(ScalarType.Float32) * options.ForegroundWeight + 1.0;
            var reconstruction = ((difference.Square() + difference.Abs() * 0.3) * weight).Mean();
            var kl = (mean.Square() + logVariance.Exp() - 1.0 - logVariance).Mean() * 0.5;
            return reconstruction + kl * options.KlWeight;
        }
    }

    /// <summary>Latents [T + 1, H, W, C] of every episode, flattened.</summary>
    public static float[][] Encode(Autoencoder autoencoder, TrainingSet data, IProgressReporter progress, CancellationToken cancellation)
    {
        using var task = progress.Begin("encode frames", data.Episodes.Count, "episodes");
        var latents = new float[data.Episodes.Count][];
        for (int e = 0; e < latents.Length; e++)
        {
            cancellation.ThrowIfCancellationRequested();
            latents[e] = autoencoder.Encode(data.Episodes[e].Images[data.Camera.Name]);
            task.Advance();
        }

        return latents;
    }

    private static Tensor Background(TrainingSet data, ulong seed)
    {
        var random = new PhiloxRandom(new PhiloxKey(seed, PhiloxStream.MinibatchOrder, 2));
        int samples = Math.Min(201, data.FrameCount), size = data.Camera.Bytes;
        var frames = new byte[samples][];
        for (int i = 0; i < samples; i++)
        {
            var (episode, time) = data.FrameAt(random.NextInt(data.FrameCount));
            frames[i] = data.Image(episode, time).ToArray();
        }

        var median = new byte[size];
        var column = new byte[samples];
        for (int p = 0; p < size; p++)
        {
            for (int i = 0; i < samples; i++) column[i] = frames[i][p];
            Array.Sort(column);
            median[p] = column[samples / 2];
        }

        return ImageBatch.FromBytes(median, data.Camera.Height, data.Camera.Width);
    }

    private static void Normalise(VariationalAutoencoder model, TrainingSet data)
    {
        int channels = model.LatentChannels;
        var sum = new double[channels];
        var squares = new double[channels];
        long count = 0;
        model.SetLatentStatistics(new float[channels], Enumerable.Repeat(1f, channels).ToArray());
        using var autoencoder = model.ToRuntime(data.Camera.Height, data.Camera.Width);
        for (int e = 0; e < data.Episodes.Count; e++)
        {
            var latents = autoencoder.Encode(data.Episodes[e].Images[data.Camera.Name]);
            for (int i = 0; i < latents.Length; i++)
            {
                sum[i % channels] += latents[i];
                squares[i % channels] += (double)latents[i] * latents[i];
            }

            count += latents.Length / channels;
        }

        var mean = new float[channels];
        var std = new float[channels];
        for (int c = 0; c < channels; c++)
        {
            mean[c] = (float)(sum[c] / count);
            std[c] = (float)Math.Sqrt(Math.Max(squares[c] / count - (double)mean[c] * mean[c], 1e-8));
        }

        model.SetLatentStatistics(mean, std);
    }
}
