using System.Diagnostics;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.WorldModel;
using Engine.Training.Algorithms;
using Engine.Training.Checkpoints;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Host.Benchmarks;

/// <summary>
/// Dreams by the network that is trained, in libtorch and the original's way: the whole window through the network at every denoising step. What a run
/// would dream with if it had no engine of its own.
/// </summary>
internal sealed class TorchDream : IDisposable
{
    private readonly WorldModelConfig _config;
    private readonly DiffusionTransformer _network;
    private readonly int[] _positions;
    private readonly TemporalMask _mask;

    /// <summary>A network of this shape with random weights throughout: those that begin at zero would hide it.</summary>
    public TorchDream(WorldModelConfig config)
    {
        _config = config;
        var initialiser = new WeightInitialiser(1);
        _network = new DiffusionTransformer(initialiser, new DiffusionTransformerArchitecture
        {
            InChannels = config.InChannels,
            PatchSize = config.PatchSize,
            Dim = config.Dim,
            NumLayers = config.NumLayers,
            NumHeads = config.NumHeads,
            ActionDim = config.ActionDim,
            MaxFrames = config.MaxFrames,
            PreviousFrameInput = config.PreviousFrameInput,
            PredictChange = config.PredictChange,
        });
        _positions = [.. Enumerable.Range(0, config.MaxFrames)];
        _mask = TemporalMask.Causal(config.MaxFrames, config.MaxFrames);
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        foreach (var (name, parameter) in _network.NamedParameters())
        {
            if (name.Contains("adaLN", StringComparison.Ordinal)) parameter.CopyInPlace(initialiser.Normal(0.1, parameter.Shape));
            else if (name.StartsWith("final_layer", StringComparison.Ordinal)) parameter.CopyInPlace(initialiser.Normal(0.1, parameter.Shape));
        }
    }

    /// <summary>The same weights for the engine.</summary>
    public WorldModelWeights Weights() => WorldModelWeights.Load(TensorConversion.ToNamedArrays(_network.StateDict()), _config);

    /// <summary>The next frame of every dream, [B, H, W, C].</summary>
    /// <param name="context">Clean latents of the window before it, [B, W − 1, H, W, C].</param>
    /// <param name="actions">Actions of the window, the new frame's last, [B, W, A].</param>
    /// <param name="noise">Where the new frame begins, [B, H, W, C].</param>
    /// <param name="batch">B.</param>
    /// <param name="latents">Receives the frames.</param>
    /// <returns>Milliseconds.</returns>
    public double Step(float[] context, float[] actions, float[] noise, int batch, float[] latents)
    {
        var c = _config;
        int window = c.MaxFrames;
        int[] ladder = DiffusionSchedule.Default.Ladder(c.SamplingSteps);
        long start = Stopwatch.GetTimestamp();
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        float scale = MathF.Sqrt(DiffusionSchedule.Default.AlphasCumprod[DiffusionCoefficients.ContextTimestep]);
        Tensor before = Tensor.FromSpan(context, batch, window - 1, c.LatentHeight, c.LatentWidth, c.InChannels) * scale;
        Tensor previous = Tensor.Cat(1, Tensor.ZerosLike(before.Narrow(1, 0, 1)), before), last = before.Narrow(1, window - 2, 1);
        Tensor conditioning = Tensor.FromSpan(actions, batch, window, c.ActionDim), x = Tensor.FromSpan(noise, batch, 1, c.LatentHeight, c.LatentWidth, c.InChannels);
        var times = new long[batch * window];
        for (int level = c.SamplingSteps; level > 0; level--)
        {
            Array.Fill(times, DiffusionCoefficients.ContextTimestep);
            for (int i = 1; i <= batch; i++) times[i * window - 1] = ladder[level];
            Tensor v = _network.Forward(Tensor.Cat(1, before, x), previous, Tensor.FromSpan(times, batch, window), conditioning, _positions, _mask).Narrow(1, window - 1, 1);
            double now = DiffusionSchedule.Default.AlphaBar(ladder[level]), next = DiffusionSchedule.Default.AlphaBar(ladder[level - 1]);
            if (c.PredictChange) v = v - last * Math.Sqrt(1 - now);
            Tensor clean = x * Math.Sqrt(now) - v * Math.Sqrt(1 - now), epsilon = (x * Math.Sqrt(1 / now) - clean) / Math.Sqrt(1 / now - 1);
            x = clean * Math.Sqrt(next) + epsilon * Math.Sqrt(1 - next);
        }

        x.CopyTo(latents);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public void Dispose() => _network.Dispose();

    /// <summary>Writes what the engine gains over this with <paramref name="batch"/> dreams, in turns, after comparing the frames of <c>exact</c>.</summary>
    /// <exception cref="InvalidOperationException">The frames differ by more than 1e-3.</exception>
    public static IEnumerable<Figure> Compare(WorldModelConfig config, int batch, int pairs, CancellationToken cancellation)
    {
        using var theirs = new TorchDream(config);
        using var weights = theirs.Weights();
        int window = config.MaxFrames, frame = config.FrameNumbers;
        int[] listed = [.. Enumerable.Range(0, batch)];
        float[] context = Normal(batch * (window - 1) * frame, 1), actions = Normal(batch * window * config.ActionDim, 2), noise = Normal(batch * frame, 3);
        float[] newest = [.. listed.SelectMany(i => actions.Skip(((i + 1) * window - 1) * config.ActionDim).Take(config.ActionDim))];
        float[] original = new float[batch * frame], latents = new float[batch * frame];
        foreach (var mode in new[] { DreamMode.Exact, DreamMode.Streaming })
        {
            using var dream = new DreamState(weights, batch, mode);
            var (ours, peer) = (new List<double>(), new List<double>());
            for (int pair = -2; pair < pairs; pair++)
            {
                cancellation.ThrowIfCancellationRequested();
                double torch = theirs.Step(context, actions, noise, batch, original);
                // Exact computes the whole window again, as libtorch does; streaming goes on from what it has.
                if (mode == DreamMode.Exact || pair == -2)
                {
                    foreach (int i in listed) dream.Reset(i, 0, context.AsSpan(i * (window - 1) * frame, (window - 1) * frame), actions.AsSpan(i * window * config.ActionDim, (window - 1) * config.ActionDim));
                }

                long start = Stopwatch.GetTimestamp();
                dream.Step(listed, newest, noise, latents);
                double mine = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                if (pair == -2)
                {
                    double difference = original.Zip(latents, (a, b) => Math.Abs((double)a - b)).Max();
                    if (!(difference <= 1e-3)) throw new InvalidOperationException($"The frames differ from libtorch's by {difference:0.0e0}, more than 1e-3: there is nothing to compare.");
                }

                if (pair < 0) continue;
                ours.Add(mine / batch);
                peer.Add(torch / batch);
            }

            string name = mode == DreamMode.Exact ? "exact" : "streaming";
            yield return new Figure($"{batch} dreams against libtorch, whole window, {name}, ms a frame", FormattableString.Invariant($"{Ratio.MedianOf(ours):0.000}"), FormattableString.Invariant($"{Ratio.MedianOf(peer):0.000}"), $"{Ratio.Of(peer, ours)}×");
        }

        float[] Normal(int length, uint index)
        {
            var values = new float[length];
            Philox.FillNormal(values, new PhiloxKey(6, PhiloxStream.Latent, index));
            return values;
        }
    }
}
