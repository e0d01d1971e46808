using Engine.Kernels.Threading;

namespace Engine.Runtime.WorldModel;

/// <summary>
/// Dreams on the processor. Environments may be at different times and advance in any grouping: a frame is the same bit for bit, whatever the batch, its order or
/// the number of threads. Not for several threads at once; it uses the pool's threads itself. A step allocates nothing.
/// </summary>
public sealed partial class DreamState : IDream
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

    /// <inheritdoc/>
    public int Environments => _tracks.Length;

    /// <inheritdoc/>
    public DreamMode Mode { get; }

    /// <inheritdoc/>
    public int SamplingSteps { get; }

    /// <inheritdoc/>
    public int Window { get; }

    /// <inheritdoc/>
    public ulong Seed { get; }

    /// <summary>Bytes that one more environment takes: keys and values of the window, 2 · layers · window · tokens (rounded up to 16) · dim numbers, and the frames in sight with their actions.</summary>
    public long BytesPerEnvironment => _tracks[0].Bytes;

    /// <inheritdoc/>
    public int FrameCount(int environment) => Track(environment).Frames;

    /// <inheritdoc/>
    public void Reset(int environment, uint episode, ReadOnlySpan<float> contextLatents, ReadOnlySpan<float> actions)
    {
        WorldModelConfig config = _weights.Config;
        DreamTrack track = Track(environment);
        int frames = DreamArguments.Context(config, contextLatents, actions);
        track.Episode = episode;
        track.Frames = frames;
        track.Restart(Window - 1);
        for (int k = Math.Max(0, frames - Window); k < frames; k++)
        {
            contextLatents.Slice(k * config.FrameNumbers, config.FrameNumbers).CopyTo(track.LatentsOf(k));
            actions.Slice(k * config.ActionDim, config.ActionDim).CopyTo(track.ActionOf(k));
        }
    }

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, Span<float> latents) =>
        Step(environments, actions, default, latents, injected: false);

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, ReadOnlySpan<float> noise, Span<float> latents)
    {
        LengthCheck.Exactly(nameof(noise), noise.Length, environments.Length, _weights.Config.FrameNumbers, "n frames of H·W·C");
        Step(environments, actions, noise, latents, injected: true);
    }

    /// <inheritdoc/>
    public void CopyLatents(int environment, Span<float> latents)
    {
        DreamTrack track = Track(environment);
        if (track.Frames == 0) throw DreamArguments.NotReset(environment);
        LengthCheck.Exactly(nameof(latents), latents.Length, 1, _weights.Config.FrameNumbers, "one frame of H·W·C");
        track.LatentsOf(track.Frames - 1).CopyTo(latents);
    }

    /// <inheritdoc/>
    public void Fork(int source, int destination, uint episode)
    {
        DreamTrack from = Track(source), to = Track(destination);
        if (from != to) to.CopyFrom(from);
        to.Episode = episode;
    }

    /// <inheritdoc/>
    public DreamSnapshot Snapshot(int environment) => new ProcessorSnapshot(Track(environment));

    /// <inheritdoc/>
    public void Restore(int environment, DreamSnapshot snapshot)
    {
        DreamTrack track = Track(environment);
        if (snapshot is not ProcessorSnapshot whole || whole.Latents.Length != track.Latents.Length || whole.Keys.Length != track.Cache.Numbers || whole.Actions.Length != track.Actions.Length)
        {
            throw new ArgumentException("The snapshot was taken from a dream of another kind, shape or window; take snapshots only between dreams of the same configuration.", nameof(snapshot));
        }

        track.CopyFrom(whole);
    }

    /// <summary>Frees the buffers; the weights live on.</summary>
    public void Dispose()
    {
        foreach (FramePass pass in _passes) pass.Dispose();
        foreach (DreamTrack track in _tracks) track.Dispose();
    }

    /// <summary>As many frames as keep a pass's buffers (9·D numbers a token) within a second-level cache.</summary>
    private static int FramesPerPass(WorldModelConfig config) => Math.Max(1, (600 << 10) / (9 * sizeof(float) * config.Dim * config.Tokens));

    private DreamTrack Track(int environment) => (uint)environment < (uint)_tracks.Length
        ? _tracks[environment]
        : throw new ArgumentException($"environment {environment} is not within 0…{_tracks.Length - 1}.", nameof(environment));
}
