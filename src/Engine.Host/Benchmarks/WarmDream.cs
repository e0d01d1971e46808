using System.Diagnostics;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Threading;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>Dreams whose windows have slid.</summary>
internal sealed class WarmDream : IDisposable
{
    private readonly DreamState _state;
    private readonly int[] _listed;
    private readonly float[] _actions, _latents;

    /// <summary>Resets every environment and lets its window slide.</summary>
    public WarmDream(WorldModelWeights weights, int environments, DreamMode mode, WorkerPool pool)
    {
        var config = weights.Config;
        _state = new DreamState(weights, environments, mode, seed: 1, pool: pool);
        _listed = [.. Enumerable.Range(0, environments)];
        float[] context = new float[config.MaxFrames * config.FrameNumbers], contextActions = new float[config.MaxFrames * config.ActionDim];
        (_actions, _latents) = (new float[environments * config.ActionDim], new float[environments * config.FrameNumbers]);
        Philox.FillNormal(context, new PhiloxKey(2, PhiloxStream.Latent, 1));
        Philox.FillNormal(_actions, new PhiloxKey(2, PhiloxStream.Latent, 3));
        foreach (int environment in _listed) _state.Reset(environment, 0, context, contextActions);
        for (int i = 0; i < 2; i++) Step();
    }

    /// <inheritdoc cref="DreamState.BytesPerEnvironment"/>
    public long BytesPerEnvironment => _state.BytesPerEnvironment;

    /// <summary>One more frame of every environment; milliseconds.</summary>
    public double Step()
    {
        long start = Stopwatch.GetTimestamp();
        _state.Step(_listed, _actions, _latents);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    public void Dispose() => _state.Dispose();
}
