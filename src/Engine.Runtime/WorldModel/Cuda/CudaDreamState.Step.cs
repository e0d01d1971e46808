namespace Engine.Runtime.WorldModel.Cuda;

public sealed partial class CudaDreamState
{
    /// <inheritdoc/>
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, Span<float> latents)
    {
        LengthCheck.Exactly(nameof(latents), latents.Length, environments.Length, _model.Config.FrameNumbers, "n frames of H·W·C");
        Advance(environments, actions, default, latents, injected: false);
    }

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, ReadOnlySpan<float> noise, Span<float> latents)
    {
        LengthCheck.Exactly(nameof(noise), noise.Length, environments.Length, _model.Config.FrameNumbers, "n frames of H·W·C");
        LengthCheck.Exactly(nameof(latents), latents.Length, environments.Length, _model.Config.FrameNumbers, "n frames of H·W·C");
        Advance(environments, actions, noise, latents, injected: true);
    }

    /// <summary>Dreams the next frame of each listed environment and leaves it on the device; returns before it is done.</summary>
    /// <inheritdoc cref="IDream.Step(ReadOnlySpan{int}, ReadOnlySpan{float}, Span{float})"/>
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions) => Advance(environments, actions, default, default, injected: false);

    /// <summary>The same with the noise given where <paramref name="injected"/> says so, [n, H, W, C].</summary>
    internal void Begin(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, ReadOnlySpan<float> noise, bool injected) =>
        Advance(environments, actions, noise, default, injected);

    private void Advance(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, ReadOnlySpan<float> noise, Span<float> latents, bool injected)
    {
        WorldModelConfig config = _model.Config;
        int count = environments.Length, frame = config.FrameNumbers;
        LengthCheck.Exactly(nameof(actions), actions.Length, count, config.ActionDim, "n actions of A");
        DreamArguments.Listed(this, environments, _listed);
        for (int i = 0; i < count; i++)
        {
            CudaTrack track = _tracks[environments[i]];
            int position = track.Frames - track.Origin;
            if (position >= (Mode == DreamMode.Exact ? Window : CudaWorldModel.Positions)) track.Restart(Window - 1);
            actions.Slice(i * config.ActionDim, config.ActionDim).CopyTo(track.ActionOf(track.Frames));
            if (injected) _stream.Upload(noise.Slice(i * frame, frame), Latents(environments[i], track.Frames));
        }

        Enter(environments);
        int most = Math.Min(Environments, _capacity), chunks = (count + most - 1) / most;
        for (int chunk = 0; chunk < chunks; chunk++)
        {
            int from = (int)((long)count * chunk / chunks), to = (int)((long)count * (chunk + 1) / chunks);
            _denoiser.Plan.Begin();
            foreach (int environment in environments[from..to]) _denoiser.Plan.Add(environment, _tracks[environment], _tracks[environment].Frames, Window + 1);
            _denoiser.Denoise(injected);
            if (!latents.IsEmpty) _stream.Download(_denoiser.Made.Slice(0, (long)(to - from) * frame), latents[(from * frame)..(to * frame)]);
        }

        foreach (int environment in environments) _tracks[environment].Frames++;
    }

    /// <summary>
    /// Enters what is known but not in the caches yet. An environment's frames go in the order of time, so that they may be spread over several passes.
    /// </summary>
    private void Enter(ReadOnlySpan<int> environments)
    {
        _denoiser.Plan.Begin();
        foreach (int environment in environments)
        {
            CudaTrack track = _tracks[environment];
            for (; track.Entered < track.Frames; track.Entered++)
            {
                if (_denoiser.Plan.IsFull)
                {
                    _denoiser.Enter();
                    _denoiser.Plan.Begin();
                }

                _denoiser.Plan.Add(environment, track, track.Entered, Window + 1);
            }
        }

        if (_denoiser.Plan.Count > 0) _denoiser.Enter();
    }
}
