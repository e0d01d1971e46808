using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.DdimUpdate;
using Engine.Kernels.Ops.Patchify;
using Engine.Kernels.Ops.TemporalAttention;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>
/// Records and runs the two graphs of a dream on a device: entering clean frames in the caches, and denoising new ones from noise to latents, all levels in one graph.
/// There is a graph for each size of batch; what else changes stands in the <see cref="Plan"/>. During denoising the latents stay in token order, in
/// float32, beside the network's input in the model's precision.
/// </summary>
internal sealed class CudaDenoiser : IDisposable
{
    private readonly CudaWorldModel _model;
    private readonly WorldModelConfig _config;
    private readonly CudaStream _stream;
    private readonly PatchGeometry _geometry;
    private readonly CudaFramePass _pass;
    private readonly DeviceSpan<float> _ring;
    private readonly CudaLinears _denoising, _entering;
    private readonly DdimStep[] _steps;
    private readonly DeviceBuffer<int> _levelTimes, _contextTimes;
    private readonly DeviceBuffer<float> _x, _previous, _made;
    private readonly Dictionary<(bool Enter, bool Injected, int Frames), CudaGraph> _graphs = [];
    private readonly ulong _seed;
    private readonly int _capacity, _denoised;

    /// <param name="model">The weights.</param>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="arena">Owns the buffers.</param>
    /// <param name="geometry">Of the latents.</param>
    /// <param name="shape">Of the caches.</param>
    /// <param name="pass">The network.</param>
    /// <param name="ring">Newest frames, [environments, window + 1, H, W, C].</param>
    /// <param name="denoising">Layers of denoising passes.</param>
    /// <param name="entering">Layers of entering passes.</param>
    /// <param name="samplingSteps">S.</param>
    /// <param name="seed">Of the noise.</param>
    /// <param name="capacity">Most frames in a pass.</param>
    /// <param name="denoised">Most frames in a denoising pass.</param>
    /// <param name="firstEnvironment">The number that environment 0 has in its noise.</param>
    public CudaDenoiser(
        CudaWorldModel model, CudaStream stream, CudaArena arena, PatchGeometry geometry, TemporalAttentionShape shape, CudaFramePass pass, DeviceSpan<float> ring, CudaLinears denoising,
        CudaLinears entering, int samplingSteps, ulong seed, int capacity, int denoised, int firstEnvironment)
    {
        _model = model;
        _config = model.Config;
        _stream = stream;
        _geometry = geometry;
        _pass = pass;
        _ring = ring;
        _denoising = denoising;
        _entering = entering;
        _seed = seed;
        _capacity = capacity;
        _denoised = denoised;
        int[] ladder = model.Schedule.Ladder(samplingSteps);
        _steps = new DdimStep[samplingSteps + 1];
        for (int i = 1; i <= samplingSteps; i++)
            _steps[i] = DdimStep.Between(model.Schedule.AlphaBar(ladder[i]), model.Schedule.AlphaBar(ladder[i - 1]), _config.PredictChange);
        _levelTimes = arena.Upload<int>([.. Enumerable.Range(0, denoised * samplingSteps).Select(row => ladder[row % samplingSteps + 1])]);
        _contextTimes = arena.Upload<int>([.. Enumerable.Repeat(model.ContextTimestep, capacity)]);
        long frames = (long)denoised * _config.FrameNumbers;
        _x = arena.Allocate<float>(frames);
        _previous = arena.Allocate<float>(_config.PredictChange ? frames : 0);
        _made = arena.Allocate<float>(frames);
        Plan = new CudaPlan(arena, shape, capacity, _config.ActionDim, firstEnvironment);
    }

    /// <summary>The frames of the pass to come.</summary>
    public CudaPlan Plan { get; }

    /// <summary>The frames of the last denoising, in the order of the plan, [frames, H, W, C].</summary>
    public DeviceSpan<float> Made => _made.Span;

    /// <summary>Enters the planned frames, which are clean, in the caches.</summary>
    public void Enter() => Run(enter: true, injected: false, CudaBatch.SizeFor(Plan.Count, _capacity));

    /// <summary>Denoises the planned frames.</summary>
    /// <param name="injected">Whether the noise stands where the frames will; it is drawn otherwise.</param>
    public void Denoise(bool injected) => Run(enter: false, injected, CudaBatch.SizeFor(Plan.Count, _denoised));

    public void Dispose()
    {
        try
        {
            _stream.Synchronize();
        }
        catch (CudaException)
        {
            // A kernel failed before; who waited for it was told.
        }

        foreach (CudaGraph graph in _graphs.Values) graph.Dispose();
    }

    private void Run(bool enter, bool injected, int frames)
    {
        Plan.Send(_stream, frames);
        _stream.Launch(_graphs.TryGetValue((enter, injected, frames), out CudaGraph? graph) ? graph : Record(enter, injected, frames));
    }

    private CudaGraph Record(bool enter, bool injected, int frames)
    {
        CudaGraph graph = _stream.Capture(enter ? () => RecordEnter(frames) : () => RecordDenoise(frames, injected));
        _graphs.Add((enter, injected, frames), graph);
        return graph;
    }

    private void RecordEnter(int frames)
    {
        _pass.Modulate(_entering, _contextTimes.Span, Plan.Actions, frames, 1);
        _pass.Show(_geometry, _ring, Plan.Indices, frames, _model.ContextScale, 0);
        ShowPrevious(frames);
        _pass.Run(_entering, Plan.Descriptions, frames, 0, 1, keysOnly: true, interact: true);
    }

    private void RecordDenoise(int frames, bool injected)
    {
        int numbers = _config.PatchNumbers, steps = _steps.Length - 1;
        _pass.Modulate(_denoising, _levelTimes.Span, Plan.Actions, frames * steps, steps);
        if (injected)
        {
            Patchify.ToTokens(_stream, _geometry, _ring, Plan.Indices, frames, 1f, _x.Span, numbers);
            _pass.Show(_geometry, _ring, Plan.Indices, frames, 1f, 0);
        }
        else
        {
            _pass.Begin(_geometry, Plan.Keys, frames, _seed, _x.Span, numbers);
        }

        ShowPrevious(frames);
        if (_config.PredictChange) Patchify.ToTokens(_stream, _geometry, _ring, Plan.Previous, frames, _model.ContextScale, _previous.Span, numbers);
        for (int level = steps; level > 0; level--)
        {
            _pass.Run(_denoising, Plan.Descriptions, frames, level - 1, steps, keysOnly: false, interact: false);
            _pass.Update(_geometry, _x.Span, _previous.Span, numbers, frames, _steps[level]);
        }

        Patchify.FromTokens(_stream, _geometry, _x.Span, numbers, Plan.Indices, frames, _ring);
        Patchify.FromTokens(_stream, _geometry, _x.Span, numbers, default, frames, _made.Span);
    }

    private void ShowPrevious(int frames)
    {
        if (_config.PreviousFrameInput) _pass.Show(_geometry, _ring, Plan.Previous, frames, _model.ContextScale, _config.PatchNumbers);
    }
}
