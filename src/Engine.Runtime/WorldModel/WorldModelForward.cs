using Engine.Kernels.Ops.Patchify;
using Engine.Kernels.Threading;

namespace Engine.Runtime.WorldModel;

/// <summary>
/// The network on whole windows: every frame at a diffusion time of its own, all frames at once. This is the exact path that the golden
/// files check; <see cref="DreamState"/> computes the same faster. Not for several threads at once.
/// </summary>
public sealed class WorldModelForward : IParallelJob, IDisposable
{
    private readonly WorldModelWeights _weights;
    private readonly WorkerPool _pool;
    private readonly KeyValueCache _cache;
    private readonly FramePass _pass;
    private ActivationObserver? _observer;
    private int _batch;

    /// <summary>Room for windows of at most <paramref name="frames"/> frames of the configuration's size.</summary>
    public WorldModelForward(WorldModelWeights weights, int frames, WorkerPool? pool = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(frames);
        _weights = weights;
        _pool = pool ?? WorkerPool.Shared;
        WorldModelConfig config = weights.Config;
        _cache = new KeyValueCache(config, frames);
        _pass = new FramePass(weights, new FrameGeometry(config, frames), frames, frames, _pool.Threads);
    }

    /// <summary>v for every frame.</summary>
    /// <param name="latents">What the network sees, [B, T, H, W, C]: noisy latents, or clean ones already scaled.</param>
    /// <param name="timesteps">Diffusion time of each frame, [B, T], 0 … 999.</param>
    /// <param name="actions">[B, T, A].</param>
    /// <param name="batch">B.</param>
    /// <param name="frames">T, at most the frames given to the constructor.</param>
    /// <param name="output">[B, T, H, W, C].</param>
    /// <param name="observer">Is shown activations; the pass then runs on one thread.</param>
    /// <exception cref="ArgumentException">A length or a time step does not fit.</exception>
    public void Run(
        ReadOnlySpan<float> latents, ReadOnlySpan<int> timesteps, ReadOnlySpan<float> actions, int batch, int frames, Span<float> output,
        ActivationObserver? observer = null)
    {
        WorldModelConfig config = _weights.Config;
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        if (frames < 1 || frames > _pass.Capacity) throw new ArgumentException($"frames must be 1…{_pass.Capacity}, it is {frames}.", nameof(frames));
        int count = batch * frames, frame = config.FrameNumbers, patch = config.PatchNumbers;
        LengthCheck.Exactly(nameof(latents), latents.Length, count, frame, "B·T frames of H·W·C");
        LengthCheck.Exactly(nameof(timesteps), timesteps.Length, count, 1, "B·T time steps");
        LengthCheck.Exactly(nameof(actions), actions.Length, count, config.ActionDim, "B·T actions of A");
        LengthCheck.Exactly(nameof(output), output.Length, count, frame, "B·T frames of H·W·C");
        foreach (int t in timesteps)
        {
            if (t is < 0 or >= DiffusionSchedule.TrainingSteps) throw new ArgumentException($"a time step must be 0…{DiffusionSchedule.TrainingSteps - 1}, one is {t}.", nameof(timesteps));
        }

        for (int b = 0; b < batch; b++)
        {
            _pass.Count = _pass.Conditions = frames;
            for (int k = 0; k < frames; k++)
            {
                _pass.Frames[k] = new FrameSlot(_cache, k);
                _pass.Times[k] = timesteps[b * frames + k];
                Span<float> tokens = _pass.Input.Slice(k * config.Tokens * _pass.InputWidth, config.Tokens * _pass.InputWidth);
                ReadOnlySpan<float> now = latents.Slice((b * frames + k) * frame, frame);
                Patchify.ToTokens(now, config.LatentHeight, config.LatentWidth, config.InChannels, config.PatchSize, 1f, tokens, _pass.InputWidth);
                if (!config.PreviousFrameInput) continue;
                if (k == 0)
                {
                    for (int i = 0; i < config.Tokens; i++) tokens.Slice(i * _pass.InputWidth + patch, patch).Clear();
                }
                else
                {
                    ReadOnlySpan<float> before = latents.Slice((b * frames + k - 1) * frame, frame);
                    Patchify.ToTokens(before, config.LatentHeight, config.LatentWidth, config.InChannels, config.PatchSize, 1f, tokens[patch..], _pass.InputWidth);
                }
            }

            actions.Slice(b * frames * config.ActionDim, frames * config.ActionDim).CopyTo(_pass.Actions.Span);
            _observer = observer;
            _batch = b;
            _pass.Condition(observer, b);
            _pool.Run(this, observer is null ? int.MaxValue : 1);
            for (int k = 0; k < frames; k++)
            {
                Span<float> v = output.Slice((b * frames + k) * frame, frame);
                Patchify.FromTokens(
                    _pass.Output.Span[(k * config.Tokens * patch)..], patch, config.LatentHeight, config.LatentWidth, config.InChannels, config.PatchSize, v);
                if (!config.PredictChange || k == 0) continue;
                float factor = (float)Math.Sqrt(1 - _weights.Schedule.AlphaBar(timesteps[b * frames + k]));
                ReadOnlySpan<float> before = latents.Slice((b * frames + k - 1) * frame, frame);
                for (int i = 0; i < frame; i++) v[i] -= factor * before[i];
            }
        }
    }

    void IParallelJob.Execute(int index, int count)
    {
        _pass.Modulate(index, count);
        _pool.Barrier.SignalAndWait(count);
        _pass.Run(0, 1, keysOnly: false, interact: true, index, count, _pool.Barrier, _observer, _batch);
    }

    public void Dispose()
    {
        _pass.Dispose();
        _cache.Dispose();
    }
}
