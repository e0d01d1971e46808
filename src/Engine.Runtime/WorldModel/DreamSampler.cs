using Engine.Kernels.Ops.DdimUpdate;
using Engine.Kernels.Ops.Patchify;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Threading;

namespace Engine.Runtime.WorldModel;

/// <summary>
/// Makes the next frame of a group of environments with one pass's buffers: enters their pending clean frames in the caches,
/// then denoises. During denoising the latents stay in token order, inside the network's input.
/// </summary>
internal sealed class DreamSampler
{
    private readonly WorldModelWeights _weights;
    private readonly WorldModelConfig _config;
    private readonly FramePass _pass;
    private readonly int[] _ladder;
    private readonly DdimStep[] _steps;
    private readonly float[] _previous;
    private readonly ulong _seed;
    private int _next;

    public DreamSampler(WorldModelWeights weights, FramePass pass, int samplingSteps, ulong seed)
    {
        _weights = weights;
        _config = weights.Config;
        _pass = pass;
        _seed = seed;
        _ladder = weights.Schedule.Ladder(samplingSteps);
        _steps = new DdimStep[samplingSteps + 1];
        for (int i = 1; i <= samplingSteps; i++)
        {
            _steps[i] = DdimStep.Between(weights.Schedule.AlphaBar(_ladder[i]), weights.Schedule.AlphaBar(_ladder[i - 1]), _config.PredictChange);
        }

        _previous = new float[_config.PredictChange ? pass.Capacity * _config.Tokens * _config.PatchNumbers : 0];
    }

    /// <summary>Greatest number of environments in one call.</summary>
    public int Capacity => _pass.Capacity;

    /// <summary>Makes the frames; the noise stands where the new frames will, or is drawn there. All parts of a team call it with the same arguments.</summary>
    public void Run(DreamTrack[] tracks, ReadOnlySpan<int> environments, bool injected, int part, int parts, TeamBarrier barrier)
    {
        for (int done = 0; done < environments.Length;)
        {
            if (part == 0) _next = PreparePending(tracks, environments, done);
            barrier.SignalAndWait(parts);
            if (_pass.Count > 0)
            {
                _pass.Modulate(part, parts);
                barrier.SignalAndWait(parts);
                _pass.Run(0, 1, keysOnly: true, interact: true, part, parts, barrier);
            }

            // Nobody may still be reading the pass, nor _next, when it is prepared again.
            done = _next;
            barrier.SignalAndWait(parts);
        }

        if (part == 0) PrepareDenoising(tracks, environments, injected);
        barrier.SignalAndWait(parts);
        _pass.Modulate(part, parts);
        barrier.SignalAndWait(parts);
        var (first, last) = _pass.RowsOf(part, parts);
        int numbers = _config.PatchNumbers, steps = _ladder.Length - 1;
        for (int level = steps; level > 0; level--)
        {
            _pass.Run(level - 1, steps, keysOnly: false, interact: false, part, parts, barrier);
            DdimUpdate.Apply(
                _pass.Input.Span[(first * _pass.InputWidth)..], _pass.InputWidth, _pass.Output.Span[(first * numbers)..],
                _config.PredictChange ? _previous.AsSpan(first * numbers) : default, numbers, last - first, numbers, _steps[level]);
        }

        barrier.SignalAndWait(parts);
        if (part == 0) Finish(tracks, environments);
        barrier.SignalAndWait(parts);
    }

    /// <summary>Fills the pass with the pending frames of environments from <paramref name="first"/> on, as many as it holds; returns the first that is left.</summary>
    private int PreparePending(DreamTrack[] tracks, ReadOnlySpan<int> environments, int first)
    {
        _pass.Count = 0;
        int next = first;
        for (; next < environments.Length; next++)
        {
            DreamTrack track = tracks[environments[next]];
            if (_pass.Count + track.Pending > _pass.Capacity) break;
            for (int frame = track.Entered; frame < track.Frames; frame++)
            {
                int row = _pass.Count++;
                _pass.Frames[row] = new FrameSlot(track.Cache, frame - track.Origin);
                SetCondition(row, track, frame, _weights.ContextTimestep);
                ToTokens(track.LatentsOf(frame), _weights.ContextScale, row, 0);
                if (_config.PreviousFrameInput) ShowPrevious(track, frame, row);
            }

            track.Entered = track.Frames;
        }

        _pass.Conditions = _pass.Count;
        if (_pass.Count > 0) _pass.Condition();
        return next;
    }

    private void PrepareDenoising(DreamTrack[] tracks, ReadOnlySpan<int> environments, bool injected)
    {
        int steps = _ladder.Length - 1, numbers = _config.PatchNumbers;
        _pass.Count = environments.Length;
        _pass.Conditions = environments.Length * steps;
        for (int i = 0; i < environments.Length; i++)
        {
            DreamTrack track = tracks[environments[i]];
            int frame = track.Frames;
            Span<float> latents = track.LatentsOf(frame);
            if (!injected) Philox.FillNormal(latents, new PhiloxKey(_seed, PhiloxStream.DreamNoise, (uint)environments[i], track.Episode, (uint)frame));
            _pass.Frames[i] = new FrameSlot(track.Cache, frame - track.Origin);
            for (int level = 1; level <= steps; level++) SetCondition(i * steps + level - 1, track, frame, _ladder[level]);
            ToTokens(latents, 1f, i, 0);
            if (_config.PreviousFrameInput) ShowPrevious(track, frame, i);
            if (!_config.PredictChange) continue;
            Span<float> previous = _previous.AsSpan(i * _config.Tokens * numbers, _config.Tokens * numbers);
            if (frame == track.Origin) previous.Clear();
            else Patchify.ToTokens(track.LatentsOf(frame - 1), _config.LatentHeight, _config.LatentWidth, _config.InChannels, _config.PatchSize, _weights.ContextScale, previous, numbers);
        }

        _pass.Condition();
    }

    private void Finish(DreamTrack[] tracks, ReadOnlySpan<int> environments)
    {
        for (int i = 0; i < environments.Length; i++)
        {
            DreamTrack track = tracks[environments[i]];
            Patchify.FromTokens(
                _pass.Input.Span[(i * _config.Tokens * _pass.InputWidth)..], _pass.InputWidth, _config.LatentHeight, _config.LatentWidth, _config.InChannels,
                _config.PatchSize, track.LatentsOf(track.Frames));
        }
    }

    private void SetCondition(int row, DreamTrack track, int frame, int time)
    {
        _pass.Times[row] = time;
        track.ActionOf(frame).CopyTo(_pass.Actions.Slice(row * _config.ActionDim, _config.ActionDim));
    }

    private void ShowPrevious(DreamTrack track, int frame, int row)
    {
        int numbers = _config.PatchNumbers;
        if (frame > track.Origin)
        {
            ToTokens(track.LatentsOf(frame - 1), _weights.ContextScale, row, numbers);
            return;
        }

        for (int token = row * _config.Tokens; token < (row + 1) * _config.Tokens; token++) _pass.Input.Slice(token * _pass.InputWidth + numbers, numbers).Clear();
    }

    private void ToTokens(ReadOnlySpan<float> latents, float scale, int row, int offset) => Patchify.ToTokens(
        latents, _config.LatentHeight, _config.LatentWidth, _config.InChannels, _config.PatchSize, scale,
        _pass.Input.Span[(row * _config.Tokens * _pass.InputWidth + offset)..], _pass.InputWidth);
}
