using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.Patchify;
using Engine.Kernels.Ops.TemporalAttention;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>
/// Dreams on a GPU. The state (newest frames, keys and values) stays there; a step sends a few integers and the actions for each environment and runs one or two
/// recorded graphs, the whole denoising in one of them. Frames come to the host only where they are asked for. Matrices are in the model's <see cref="CudaWorldModel.Precision"/> with float32
/// sums, all else is float32: in bfloat16 frames differ from the processor's by half a per cent of their root mean square (tests allow one). A frame is the same bit for bit
/// whatever the batch; it does depend on the number of environments that the dream was made for, and on the kind of device. Memory for each
/// environment: <see cref="BytesPerEnvironment"/>. Not for several threads at once.
/// </summary>
public sealed partial class CudaDreamState : IDream
{
    /// <summary>Most frames in one pass.</summary>
    private const int MaxCapacity = 256;

    private readonly CudaWorldModel _model;
    private readonly CudaStream _stream;
    private readonly CudaArena _arena;
    private readonly PatchGeometry _geometry;
    private readonly TemporalAttentionShape _shape;
    private readonly CudaTrack[] _tracks;
    private readonly bool[] _listed;
    private readonly int _capacity;
    private readonly CudaFramePass _pass;
    private readonly CudaDenoiser _denoiser;
    private readonly DeviceBuffer<float> _ring;

    /// <summary>Room for <paramref name="environments"/> dreams; each must be reset before its first step.</summary>
    /// <param name="model">The weights on the device; shared, not owned.</param>
    /// <param name="environments">Number of environments.</param>
    /// <param name="mode">What happens when the window slides.</param>
    /// <param name="samplingSteps">DDIM steps S per frame; the configuration's when null.</param>
    /// <param name="seed">Seed of the noise.</param>
    /// <param name="window">Frames in sight, the new one included, at most 64; the configuration's max_frames when null.</param>
    /// <param name="firstEnvironment">The number that environment 0 has in its noise: of one of several GPUs that share a dream.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    /// <exception cref="OutOfMemoryException">The device has no room; the message says how much was asked and held.</exception>
    public CudaDreamState(CudaWorldModel model, int environments, DreamMode mode = DreamMode.Exact, int? samplingSteps = null, ulong seed = 0, int? window = null, int firstEnvironment = 0)
    {
        WorldModelConfig config = model.Config;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(environments);
        ArgumentOutOfRangeException.ThrowIfNegative(firstEnvironment);
        Window = window ?? config.MaxFrames;
        SamplingSteps = samplingSteps ?? config.SamplingSteps;
        if (Window is < 1 or > 64) throw new ArgumentOutOfRangeException(nameof(window), Window, "On a GPU the window must be 1…64 frames.");
        if (SamplingSteps is < 1 or > DiffusionSchedule.TrainingSteps)
            throw new ArgumentOutOfRangeException(nameof(samplingSteps), SamplingSteps, $"Sampling takes 1…{DiffusionSchedule.TrainingSteps} steps.");
        Mode = mode;
        Seed = seed;
        _model = model;
        _geometry = new PatchGeometry(config.LatentHeight, config.LatentWidth, config.InChannels, config.PatchSize);
        _shape = new TemporalAttentionShape(config.Tokens, config.NumHeads, config.Dim / config.NumHeads, Window);
        _tracks = new CudaTrack[environments];
        for (int i = 0; i < environments; i++) _tracks[i] = new CudaTrack(Window, config.ActionDim);
        _listed = new bool[environments];
        _capacity = Math.Min(MaxCapacity, mode == DreamMode.Exact ? Math.Max(environments, Window - 1) : environments);
        _stream = model.Context.CreateStream();
        _arena = new CudaArena(_stream);
        try
        {
            _ring = _arena.Allocate<float>((long)environments * (Window + 1) * config.FrameNumbers);
            int denoised = Math.Min(environments, _capacity), entered = Math.Min(_capacity, mode == DreamMode.Exact ? environments * Math.Max(1, Window - 1) : environments);
            var denoising = new CudaLinears(model, _stream, denoised);
            var entering = new CudaLinears(model, _stream, entered);
            _pass = CudaFramePass.Create(
                model, _stream, _arena, _shape, environments, _capacity, Math.Max(_capacity, denoised * SamplingSteps), [.. denoising.Plans(_stream), .. entering.Plans(_stream)]);
            _denoiser = new CudaDenoiser(model, _stream, _arena, _geometry, _shape, _pass, _ring.Span, denoising, entering, SamplingSteps, seed, _capacity, denoised, firstEnvironment);
            _stream.Synchronize();
        }
        catch
        {
            Dispose();
            throw;
        }
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

    /// <summary>The stream that the dream's work goes to.</summary>
    public CudaStream Stream => _stream;

    /// <summary>
    /// Device memory that each environment takes for its state, bytes: keys and values, 2 · layers · window · tokens · D in bfloat16 (or float32), and window + 1 frames of latents in
    /// float32. For the original's size 161 MiB at a window of 10, 321 MiB at 20. Passes take more, <see cref="CudaContext.HeldBytes"/> says how much in all.
    /// </summary>
    public static long BytesPerEnvironment(WorldModelConfig config, int? window = null, GemmPrecision precision = GemmPrecision.BFloat16)
    {
        long frames = window ?? config.MaxFrames;
        return 2L * config.NumLayers * frames * config.Tokens * config.Dim * (precision == GemmPrecision.Float32 ? sizeof(float) : sizeof(ushort)) + (frames + 1) * config.FrameNumbers * sizeof(float);
    }

    /// <inheritdoc/>
    public int FrameCount(int environment) => Track(environment).Frames;

    /// <inheritdoc/>
    public void Reset(int environment, uint episode, ReadOnlySpan<float> contextLatents, ReadOnlySpan<float> actions)
    {
        WorldModelConfig config = _model.Config;
        CudaTrack track = Track(environment);
        int frames = DreamArguments.Context(config, contextLatents, actions);
        track.Episode = episode;
        track.Frames = frames;
        track.Restart(Window - 1);
        for (int k = Math.Max(0, frames - Window); k < frames; k++)
        {
            _stream.Upload(contextLatents.Slice(k * config.FrameNumbers, config.FrameNumbers), Latents(environment, k));
            actions.Slice(k * config.ActionDim, config.ActionDim).CopyTo(track.ActionOf(k));
        }
    }

    /// <inheritdoc/>
    public void CopyLatents(int environment, Span<float> latents)
    {
        LengthCheck.Exactly(nameof(latents), latents.Length, 1, _model.Config.FrameNumbers, "one frame of H·W·C");
        _stream.Download(NewestLatents(environment), latents);
    }

    /// <summary>An environment's newest frame on the device, [H, W, C]; valid until its next step, in the order of <see cref="Stream"/>.</summary>
    /// <exception cref="InvalidOperationException">The environment was never reset.</exception>
    public DeviceSpan<float> NewestLatents(int environment)
    {
        CudaTrack track = Track(environment);
        return track.Frames == 0 ? throw DreamArguments.NotReset(environment) : Latents(environment, track.Frames - 1);
    }

    /// <inheritdoc/>
    public void Fork(int source, int destination, uint episode)
    {
        CudaTrack from = Track(source), to = Track(destination);
        if (from != to)
        {
            to.CopyFrom(from);
            _stream.Copy(RingOf(source), RingOf(destination));
            for (int layer = 0; layer < _model.Config.NumLayers; layer++)
            {
                _stream.Copy(_pass.KeysOf(layer, source), _pass.KeysOf(layer, destination));
                _stream.Copy(_pass.ValuesOf(layer, source), _pass.ValuesOf(layer, destination));
            }
        }

        to.Episode = episode;
    }

    /// <inheritdoc/>
    public DreamSnapshot Snapshot(int environment)
    {
        CudaTrack track = Track(environment);
        var latents = new float[RingOf(environment).Length];
        int length = CacheBytes;
        byte[] keys = new byte[_model.Config.NumLayers * length], values = new byte[keys.Length];
        _stream.Download(RingOf(environment), latents);
        for (int layer = 0; layer < _model.Config.NumLayers; layer++)
        {
            _stream.Download(_pass.KeysOf(layer, environment), keys.AsSpan(layer * length, length));
            _stream.Download(_pass.ValuesOf(layer, environment), values.AsSpan(layer * length, length));
        }

        return new CudaSnapshot(track, latents, keys, values);
    }

    /// <inheritdoc/>
    public void Restore(int environment, DreamSnapshot snapshot)
    {
        CudaTrack track = Track(environment);
        if (snapshot is not CudaSnapshot whole || whole.Latents.Length != RingOf(environment).Length || whole.Keys.Length != _model.Config.NumLayers * CacheBytes
            || whole.Actions.Length != track.Actions.Length)
        {
            throw new ArgumentException("The snapshot was taken from a dream of another kind, shape or window; take snapshots only between dreams of the same configuration.", nameof(snapshot));
        }

        track.CopyFrom(whole);
        _stream.Upload<float>(whole.Latents, RingOf(environment));
        int length = CacheBytes;
        for (int layer = 0; layer < _model.Config.NumLayers; layer++)
        {
            _stream.Upload<byte>(whole.Keys.AsSpan(layer * length, length), _pass.KeysOf(layer, environment));
            _stream.Upload<byte>(whole.Values.AsSpan(layer * length, length), _pass.ValuesOf(layer, environment));
        }
    }

    /// <summary>Frees the buffers when the work is done; the weights live on.</summary>
    public void Dispose()
    {
        _denoiser?.Dispose();
        _arena.Dispose();
        _stream.Dispose();
    }

    private DeviceSpan<float> RingOf(int environment)
    {
        long length = (long)(Window + 1) * _model.Config.FrameNumbers;
        return _ring.Slice(environment * length, length);
    }

    private DeviceSpan<float> Latents(int environment, int frame) =>
        RingOf(environment).Slice((long)_tracks[environment].PlaceOf(frame) * _model.Config.FrameNumbers, _model.Config.FrameNumbers);

    /// <summary>Bytes of an environment's cached keys in one layer.</summary>
    private int CacheBytes => checked((int)_pass.KeysOf(0, 0).Length);

    private CudaTrack Track(int environment) => (uint)environment < (uint)_tracks.Length
        ? _tracks[environment]
        : throw new ArgumentException($"environment {environment} is not within 0…{_tracks.Length - 1}.", nameof(environment));
}
