using Engine.Kernels.Memory;
using Engine.Kernels.Ops.DdimUpdate;
using Engine.Kernels.Ops.Patchify;
using Engine.Kernels.Threading;

namespace Engine.Runtime.WorldModel;

/// <summary>
/// Generates whole sequences in chunks of a horizon of frames by the pyramid schedule: the frames of a chunk are denoised together, a later one
/// lagging behind an earlier one. The context's keys and values are computed once a chunk. Equal to the original to float rounding.
/// With a horizon of 1 use <see cref="DreamState"/>. Not for several threads at once.
/// </summary>
public sealed class WorldModelGenerator : IParallelJob, IDisposable
{
    private readonly WorldModelWeights _weights;
    private readonly WorldModelConfig _config;
    private readonly WorkerPool _pool;
    private readonly KeyValueCache _cache;
    private readonly FramePass _pass;
    private readonly NativeBuffer<float> _velocity;
    private readonly int[] _ladder;
    private readonly int _window, _horizon, _steps;
    private readonly int[] _levels;
    private bool _keysOnly;

    /// <summary>A generator of chunks of at most <paramref name="horizon"/> frames.</summary>
    /// <param name="weights">Shared, not owned.</param>
    /// <param name="horizon">Frames denoised together, 1 … window.</param>
    /// <param name="samplingSteps">DDIM steps S per frame; the configuration's when null.</param>
    /// <param name="window">Frames in sight, those in flight included; the configuration's max_frames when null.</param>
    /// <param name="pool">Threads; the shared pool when null.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public WorldModelGenerator(WorldModelWeights weights, int horizon, int? samplingSteps = null, int? window = null, WorkerPool? pool = null)
    {
        _weights = weights;
        _config = weights.Config;
        _pool = pool ?? WorkerPool.Shared;
        _window = window ?? _config.MaxFrames;
        _steps = samplingSteps ?? _config.SamplingSteps;
        _horizon = horizon;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_window, nameof(window));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(horizon);
        _ladder = weights.Schedule.Ladder(_steps);
        _cache = new KeyValueCache(_config, _window);
        _pass = new FramePass(weights, new FrameGeometry(_config, _window), _window, _window, _pool.Threads);
        _velocity = new NativeBuffer<float>(_config.FrameNumbers);
        _levels = new int[_window];
    }

    /// <summary>Continues sequences.</summary>
    /// <param name="context">Clean context latents, [B, n, H, W, C], n ≥ 1.</param>
    /// <param name="actions">[B, frames, A]: action k conditions frame k, context frames too.</param>
    /// <param name="noise">Initial noise of the new frames, [B, frames − n, H, W, C].</param>
    /// <param name="batch">B.</param>
    /// <param name="frames">Frames in all, context included.</param>
    /// <param name="output">[B, frames, H, W, C], the context first.</param>
    /// <exception cref="ArgumentException">A length does not fit, or a chunk would be longer than the window.</exception>
    public void Generate(ReadOnlySpan<float> context, ReadOnlySpan<float> actions, ReadOnlySpan<float> noise, int batch, int frames, Span<float> output)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(frames);
        int frame = _config.FrameNumbers, known = context.Length / frame / batch, made = frames - known;
        LengthCheck.Exactly(nameof(context), context.Length, batch * known, frame, "B·n frames of H·W·C");
        if (known < 1 || made < 0) throw new ArgumentException($"context must hold 1…{frames} frames for each of the {batch} sequences, it holds {known}.", nameof(context));
        LengthCheck.Exactly(nameof(actions), actions.Length, batch * frames, _config.ActionDim, "B·frames actions of A");
        LengthCheck.Exactly(nameof(noise), noise.Length, batch * made, frame, "B·(frames − n) frames of H·W·C");
        LengthCheck.Exactly(nameof(output), output.Length, batch * frames, frame, "B·frames frames of H·W·C");
        if (Math.Min(_horizon, made) > _window)
        {
            throw new ArgumentException($"A chunk of {Math.Min(_horizon, made)} frames does not fit the window of {_window}; take a smaller horizon.", nameof(frames));
        }

        for (int b = 0; b < batch; b++)
        {
            Span<float> sequence = output.Slice(b * frames * frame, frames * frame);
            context.Slice(b * known * frame, known * frame).CopyTo(sequence);
            noise.Slice(b * made * frame, made * frame).CopyTo(sequence[(known * frame)..]);
            ReadOnlySpan<float> acts = actions.Slice(b * frames * _config.ActionDim, frames * _config.ActionDim);
            for (int current = known; current < frames;)
            {
                int count = Math.Min(_horizon, frames - current), start = Math.Max(0, current + count - _window);
                Chunk(sequence.Slice(start * frame, (current + count - start) * frame), acts[(start * _config.ActionDim)..], current - start, count);
                current += count;
            }
        }
    }

    void IParallelJob.Execute(int index, int count)
    {
        _pass.Modulate(index, count);
        _pool.Barrier.SignalAndWait(count);
        _pass.Run(0, 1, _keysOnly, interact: true, index, count, _pool.Barrier);
    }

    public void Dispose()
    {
        _pass.Dispose();
        _cache.Dispose();
        _velocity.Dispose();
    }

    /// <summary>One window: <paramref name="context"/> clean frames, then <paramref name="count"/> of noise, which become clean.</summary>
    private void Chunk(Span<float> window, ReadOnlySpan<float> actions, int context, int count)
    {
        _levels.AsSpan().Clear();
        for (int k = 0; k < context; k++) Show(k, k, window, actions);
        Run(context, keysOnly: true);
        for (int sweep = 0; sweep < _steps + count - 1; sweep++)
        {
            for (int k = 0; k < count; k++) _levels[context + k] = DiffusionSchedule.PyramidIndex(_steps, sweep, k);
            for (int k = 0; k < count; k++) Show(context + k, k, window, actions);
            Run(count, keysOnly: false);
            // Newest first: a frame's step may need its predecessor as this sweep showed it.
            for (int k = count - 1; k >= 0; k--) Denoise(window, context + k, k, DiffusionSchedule.PyramidIndex(_steps, sweep + 1, k));
        }
    }

    private void Run(int frames, bool keysOnly)
    {
        if (frames == 0) return;
        _pass.Count = _pass.Conditions = frames;
        _keysOnly = keysOnly;
        _pass.Condition();
        _pool.Run(this);
    }

    /// <summary>Puts frame <paramref name="position"/> of the window into row <paramref name="row"/> of the pass as the network is to see it.</summary>
    private void Show(int position, int row, ReadOnlySpan<float> window, ReadOnlySpan<float> actions)
    {
        int frame = _config.FrameNumbers, width = _config.ActionDim, numbers = _config.PatchNumbers, level = _levels[position];
        _pass.Frames[row] = new FrameSlot(_cache, position);
        _pass.Times[row] = level == 0 ? _weights.ContextTimestep : _ladder[level];
        actions.Slice(position * width, width).CopyTo(_pass.Actions.Slice(row * width, width));
        Span<float> tokens = _pass.Input.Slice(row * _config.Tokens * _pass.InputWidth, _config.Tokens * _pass.InputWidth);
        ToTokens(window.Slice(position * frame, frame), Scale(position), tokens);
        if (!_config.PreviousFrameInput) return;
        if (position > 0)
        {
            ToTokens(window.Slice((position - 1) * frame, frame), Scale(position - 1), tokens[numbers..]);
        }
        else
        {
            for (int token = 0; token < _config.Tokens; token++) tokens.Slice(token * _pass.InputWidth + numbers, numbers).Clear();
        }
    }

    private void Denoise(Span<float> window, int position, int row, int nextLevel)
    {
        int frame = _config.FrameNumbers, now = _ladder[_levels[position]], next = _ladder[nextLevel];
        if (now == next) return;
        ReadOnlySpan<float> tokens = _pass.Output.Span[(row * _config.Tokens * _config.PatchNumbers)..];
        Patchify.FromTokens(
            tokens, _config.PatchNumbers, _config.LatentHeight, _config.LatentWidth, _config.InChannels, _config.PatchSize, _velocity.Span);
        DdimStep step = DdimStep.Between(_weights.Schedule.AlphaBar(now), _weights.Schedule.AlphaBar(next), _config.PredictChange && position > 0);
        if (position > 0) step = step with { Previous = step.Previous * Scale(position - 1) };
        ReadOnlySpan<float> previous = position > 0 ? window.Slice((position - 1) * frame, frame) : default;
        DdimUpdate.Apply(window.Slice(position * frame, frame), frame, _velocity.Span, previous, frame, 1, frame, step);
    }

    private float Scale(int position) => _levels[position] == 0 ? _weights.ContextScale : 1f;

    private void ToTokens(ReadOnlySpan<float> latents, float scale, Span<float> tokens) => Patchify.ToTokens(
        latents, _config.LatentHeight, _config.LatentWidth, _config.InChannels, _config.PatchSize, scale, tokens, _pass.InputWidth);
}
