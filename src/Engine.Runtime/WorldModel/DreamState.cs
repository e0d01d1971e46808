using Engine.Kernels.Threading;

namespace Engine.Runtime.WorldModel;

/// <summary>
/// Many dreams at once: each environment is a sequence of latent frames that grows by one frame per <see cref="Step(ReadOnlySpan{int}, ReadOnlySpan{float}, Span{float})"/>,
/// denoised by DDIM under its action. Environments may be at different times and advance in any grouping: a frame depends on its own
/// environment's past, the seed, and (environment, episode, frame) only — bit for bit, whatever the batch, its order or the number of threads.
/// Not for several threads at once; it uses the pool's threads itself. A step allocates nothing.
/// </summary>
public sealed partial class DreamState : IDisposable
{
    /// <summary>Positions in time before the cache is rebuilt from the window, in streaming mode too.</summary>
    private const int MaxPositions = 4096;

    private readonly WorldModelWeights _weights;
    private readonly WorkerPool _pool;
    private readonly DreamTrack[] _tracks;
    private readonly FramePass[] _passes;
    private readonly DreamSampler[] _samplers;
    private readonly Job _job;
    private readonly bool[] _listed;

    /// <summary>Room for <paramref name="environments"/> dreams; each must be reset before its first step.</summary>
    /// <param name="weights">Shared, not owned.</param>
    /// <param name="environments">Number of environments.</param>
    /// <param name="mode">What happens when the window slides.</param>
    /// <param name="samplingSteps">DDIM steps S per frame; the configuration's when null.</param>
    /// <param name="seed">Seed of the noise.</param>
    /// <param name="window">Frames in sight, the new one included; the configuration's max_frames when null.</param>
    /// <param name="pool">Threads; the shared pool when null.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public DreamState(
        WorldModelWeights weights, int environments, DreamMode mode = DreamMode.Exact, int? samplingSteps = null, ulong seed = 0, int? window = null, WorkerPool? pool = null)
    {
        WorldModelConfig config = weights.Config;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(environments);
        Window = window ?? config.MaxFrames;
        SamplingSteps = samplingSteps ?? config.SamplingSteps;
        if (Window is < 1 or > MaxPositions) throw new ArgumentOutOfRangeException(nameof(window), Window, $"The window must be 1…{MaxPositions} frames.");
        if (SamplingSteps is < 1 or > DiffusionSchedule.TrainingSteps)
            throw new ArgumentOutOfRangeException(nameof(samplingSteps), SamplingSteps, $"Sampling takes 1…{DiffusionSchedule.TrainingSteps} steps.");
        Mode = mode;
        Seed = seed;
        _weights = weights;
        _pool = pool ?? WorkerPool.Shared;
        _tracks = new DreamTrack[environments];
        for (int i = 0; i < environments; i++) _tracks[i] = new DreamTrack(config, Window);
        _listed = new bool[environments];

        var geometry = new FrameGeometry(config, Math.Max(MaxPositions, Window + 1));
        int capacity = Math.Max(FramesPerPass(config), Math.Max(1, Window - 1));
        _passes = new FramePass[_pool.Threads];
        _samplers = new DreamSampler[_pool.Threads];
        for (int i = 0; i < _passes.Length; i++)
        {
            // The first pass can also be shared by the whole team.
            _passes[i] = new FramePass(weights, geometry, capacity, capacity * SamplingSteps, i == 0 ? _pool.Threads : 1);
            _samplers[i] = new DreamSampler(weights, _passes[i], SamplingSteps, seed);
        }

        _job = new Job(this, environments);
    }

    /// <summary>Number of environments.</summary>
    public int Environments => _tracks.Length;

    /// <summary>What happens when the window slides.</summary>
    public DreamMode Mode { get; }

    /// <summary>DDIM steps per frame.</summary>
    public int SamplingSteps { get; }

    /// <summary>Frames in sight, the new one included.</summary>
    public int Window { get; }

    /// <summary>Seed of the noise.</summary>
    public ulong Seed { get; }

    /// <summary>Frames of an environment's episode so far, context included; 0 before its first reset.</summary>
    public int FrameCount(int environment) => Track(environment).Frames;

    /// <summary>
    /// Begins a new episode of one environment from recorded frames. Cheap: the frames enter the network with the next step.
    /// </summary>
    /// <param name="environment">Which one.</param>
    /// <param name="episode">Number of the episode; with the same number the same noise comes again.</param>
    /// <param name="contextLatents">Clean latents [n, H, W, C], n ≥ 1; only the newest Window − 1 are seen.</param>
    /// <param name="actions">[n, A]: action k conditions frame k.</param>
    /// <exception cref="ArgumentException">A length or a number does not fit.</exception>
    public void Reset(int environment, uint episode, ReadOnlySpan<float> contextLatents, ReadOnlySpan<float> actions)
    {
        WorldModelConfig config = _weights.Config;
        DreamTrack track = Track(environment);
        int frames = contextLatents.Length / config.FrameNumbers;
        if (frames == 0) throw new ArgumentException($"contextLatents must hold at least one frame of {config.FrameNumbers} numbers, it holds {contextLatents.Length} numbers.", nameof(contextLatents));
        LengthCheck.Exactly(nameof(contextLatents), contextLatents.Length, frames, config.FrameNumbers, "n frames of H·W·C");
        LengthCheck.Exactly(nameof(actions), actions.Length, frames, config.ActionDim, "n actions of A");
        track.Episode = episode;
        track.Frames = frames;
        track.Restart(Window - 1);
        for (int k = Math.Max(0, frames - Window); k < frames; k++)
        {
            contextLatents.Slice(k * config.FrameNumbers, config.FrameNumbers).CopyTo(track.LatentsOf(k));
            actions.Slice(k * config.ActionDim, config.ActionDim).CopyTo(track.ActionOf(k));
        }
    }

    /// <summary>Dreams the next frame of each listed environment.</summary>
    /// <param name="environments">Distinct environments, n of them, in any order.</param>
    /// <param name="actions">[n, A]: the action that conditions the new frame.</param>
    /// <param name="latents">Receives the new frames' clean latents, [n, H, W, C].</param>
    /// <exception cref="ArgumentException">A length does not fit, an environment is unknown or listed twice.</exception>
    /// <exception cref="InvalidOperationException">An environment was never reset.</exception>
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, Span<float> latents) =>
        Step(environments, actions, default, latents, injected: false);

    /// <summary>The same with the initial noise given, [n, H, W, C], instead of drawn.</summary>
    /// <inheritdoc cref="Step(ReadOnlySpan{int}, ReadOnlySpan{float}, Span{float})"/>
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, ReadOnlySpan<float> noise, Span<float> latents)
    {
        LengthCheck.Exactly(nameof(noise), noise.Length, environments.Length, _weights.Config.FrameNumbers, "n frames of H·W·C");
        Step(environments, actions, noise, latents, injected: true);
    }

    /// <summary>Copies an environment's newest frame, [H, W, C].</summary>
    /// <exception cref="InvalidOperationException">The environment was never reset.</exception>
    public void CopyLatents(int environment, Span<float> latents)
    {
        DreamTrack track = Track(environment);
        if (track.Frames == 0) throw NotReset(environment);
        LengthCheck.Exactly(nameof(latents), latents.Length, 1, _weights.Config.FrameNumbers, "one frame of H·W·C");
        track.LatentsOf(track.Frames - 1).CopyTo(latents);
    }

    /// <summary>
    /// Lets environment <paramref name="destination"/> go on from where <paramref name="source"/> stands, as episode <paramref name="episode"/>:
    /// same past, noise of its own.
    /// </summary>
    public void Fork(int source, int destination, uint episode)
    {
        DreamTrack from = Track(source), to = Track(destination);
        if (from != to) to.CopyFrom(from);
        to.Episode = episode;
    }

    /// <summary>A copy of everything that one environment's future depends on, besides weights and seed.</summary>
    public DreamSnapshot Snapshot(int environment) => new(Track(environment));

    /// <summary>Puts an environment back to a snapshot; in the environment that it was taken from, the same future follows.</summary>
    /// <exception cref="ArgumentException">The snapshot is of a dream of another shape or window.</exception>
    public void Restore(int environment, DreamSnapshot snapshot)
    {
        DreamTrack track = Track(environment);
        if (snapshot.Latents.Length != track.Latents.Length || snapshot.Keys.Length != track.Cache.Numbers || snapshot.Actions.Length != track.Actions.Length)
        {
            throw new ArgumentException("The snapshot was taken from a dream of another shape or window; take snapshots only between dreams of the same configuration.", nameof(snapshot));
        }

        track.CopyFrom(snapshot);
    }

    /// <summary>Frees the buffers; the weights live on.</summary>
    public void Dispose()
    {
        foreach (FramePass pass in _passes) pass.Dispose();
        foreach (DreamTrack track in _tracks) track.Dispose();
    }

    /// <summary>As many frames as keep a pass's buffers (9·D numbers a token) within a second-level cache.</summary>
    private static int FramesPerPass(WorldModelConfig config) => Math.Max(1, (600 << 10) / (9 * sizeof(float) * config.Dim * config.Tokens));

    private static InvalidOperationException NotReset(int environment) => new($"Environment {environment} has no past: call Reset for it before Step.");

    private DreamTrack Track(int environment) => (uint)environment < (uint)_tracks.Length
        ? _tracks[environment]
        : throw new ArgumentException($"environment {environment} is not within 0…{_tracks.Length - 1}.", nameof(environment));
}
