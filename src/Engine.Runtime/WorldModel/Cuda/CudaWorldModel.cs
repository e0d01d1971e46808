using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.Rotary;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>
/// The weights of a world model on a device, shared by any number of dreams there: matrices in <see cref="Precision"/>; biases, embedded
/// diffusion times, the action embedder and rotary angles in float32. For the original's size 1.1 GiB in bfloat16.
/// </summary>
public sealed class CudaWorldModel : IDisposable
{
    /// <summary>Positions in time that there are angles for; a dream counts anew before it comes to them.</summary>
    internal const int Positions = 4096;

    private const int UploadNumbers = 1 << 22;

    private readonly CudaStream _stream;
    private readonly CudaArena _arena;

    /// <summary>Uploads the weights.</summary>
    /// <param name="context">The device; must outlive the model.</param>
    /// <param name="weights">The weights, in float32; not needed afterwards.</param>
    /// <param name="precision">
    /// What matrices, activations and caches are stored as: bfloat16 for the tensor cores; float32, where nothing is rounded and tensor cores are left alone, so that what bfloat16
    /// costs can be told from a fault; or float8, where blocks' queries, keys and values and both products of their MLPs are of e4m3 and all else is bfloat16.
    /// </param>
    /// <exception cref="NotSupportedException">The kernels do not cover the model's shape; the message says what they cover.</exception>
    /// <exception cref="OutOfMemoryException">The device has no room.</exception>
    public CudaWorldModel(CudaContext context, WorldModelWeights weights, GemmPrecision precision = GemmPrecision.BFloat16)
    {
        Precision = precision;
        Config = weights.Config;
        Context = context;
        Schedule = weights.Schedule;
        ContextScale = weights.ContextScale;
        ContextTimestep = weights.ContextTimestep;
        ModulationWidth = weights.ModulationWidth;
        CheckShape(Config);
        if (precision == GemmPrecision.Float8 && context.Device.Architecture != "sm_90a")
            throw new NotSupportedException($"float8 needs a GPU of compute capability 9.0 (Hopper); {context.Device.Name} has {context.Device.Major}.{context.Device.Minor}. Take bfloat16.");
        _stream = context.CreateStream();
        _arena = new CudaArena(_stream);
        try
        {
            var geometry = new FrameGeometry(Config, Positions);
            Spatial = _arena.Own(new DeviceRotaryTable(_stream, geometry.Spatial));
            Temporal = _arena.Own(new DeviceRotaryTable(_stream, geometry.Temporal));
            Patch = Upload(weights.Patch);
            Modulation = Upload(weights.Modulation);
            Final = Upload(weights.Final);
            Blocks = [.. weights.Blocks.Select(block => precision == GemmPrecision.Float8 ? Quantised(block) : new CudaBlock(Upload(block.Qkv), Upload(block.Out), Upload(block.Expand), Upload(block.Contract)))];
            ActionWeight = _arena.Upload<float>(Transposed(weights.Action));
            ActionBias = _arena.Upload(weights.Action.BiasValues);
            var times = new float[DiffusionSchedule.TrainingSteps * Config.Dim];
            for (int t = 0; t < DiffusionSchedule.TrainingSteps; t++) weights.TimestepEmbeddingOf(t).CopyTo(times.AsSpan(t * Config.Dim));
            Times = _arena.Upload<float>(times);
            _stream.Synchronize();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The shape and options that the weights were loaded with.</summary>
    public WorldModelConfig Config { get; }

    /// <summary>What matrices, activations and caches are stored as.</summary>
    public GemmPrecision Precision { get; }

    /// <summary>The device.</summary>
    public CudaContext Context { get; }

    /// <summary>The noise schedule.</summary>
    public DiffusionSchedule Schedule { get; }

    internal float ContextScale { get; }

    internal int ContextTimestep { get; }

    internal int ModulationWidth { get; }

    internal CudaLinear Patch { get; }

    internal CudaLinear Modulation { get; }

    internal CudaLinear Final { get; }

    /// <summary>Spatial and temporal block by turns.</summary>
    internal CudaBlock[] Blocks { get; }

    /// <summary>The action embedder's weight, [A, D].</summary>
    internal DeviceBuffer<float> ActionWeight { get; }

    internal DeviceBuffer<float> ActionBias { get; }

    /// <summary>Embedded diffusion times, [1000, D].</summary>
    internal DeviceBuffer<float> Times { get; }

    internal DeviceRotaryTable Spatial { get; }

    internal DeviceRotaryTable Temporal { get; }

    /// <summary>The shape that the kernels are specialised to.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="window">Frames in sight; the configuration's when null.</param>
    public static CudaModelShape ShapeOf(WorldModelConfig config, int? window = null) => new(
        "model", config.Dim, config.NumHeads, config.LatentHeight, config.LatentWidth, config.InChannels, config.PatchSize, window ?? config.MaxFrames,
        config.NumLayers, config.ActionDim, config.PreviousFrameInput, config.PredictChange);

    /// <summary>Frees the weights; no dream may be using them.</summary>
    public void Dispose()
    {
        _arena.Dispose();
        _stream.Dispose();
    }

    private static void CheckShape(WorldModelConfig config)
    {
        int head = config.Dim / config.NumHeads;
        if (head is < 16 or > 128 || head % 16 != 0)
            throw new NotSupportedException($"On a GPU a head must be 16, 32, … 128 numbers wide; dim / num_heads is {config.Dim} / {config.NumHeads}. The processor runs every shape.");
        if (config.PatchNumbers % 8 != 0)
            throw new NotSupportedException($"On a GPU a patch must hold a multiple of 8 numbers; patch_size² · in_channels is {config.PatchNumbers}. The processor runs every shape.");
        if (config.Dim > 2048) throw new NotSupportedException($"On a GPU dim can be 2048 at most, it is {config.Dim}. The processor runs every shape.");
    }

    private CudaLinear Upload(PackedLinear linear)
    {
        DeviceSpan<float> bias = linear.HasBias ? _arena.Upload(linear.BiasValues).Span : default;
        return Precision == GemmPrecision.Float32
            ? CudaLinear.Of(Upload<float>(linear, rows => rows), bias, linear.Inputs, linear.Outputs)
            : CudaLinear.Of(Upload(linear, rows => Bfloat16.Round(rows)), bias, linear.Inputs, linear.Outputs);
    }

    private CudaBlock Quantised(BlockWeights block)
    {
        var (expand, norm) = Quantise(block.Expand);
        float bias = 0;
        foreach (float value in block.Expand.BiasValues) bias = Math.Max(bias, Math.Abs(value));
        return new CudaBlock(Quantise(block.Qkv).Linear, Upload(block.Out), expand, Quantise(block.Contract).Linear) { Greatest = (norm, bias) };
    }

    /// <summary>A weight in e4m3, rounded on the device, with a scale for each output; and the greatest length of a row of it.</summary>
    private (CudaLinear Linear, float Norm) Quantise(PackedLinear linear)
    {
        DeviceBuffer<Float8> weight = _arena.Allocate<Float8>((long)linear.Inputs * linear.Outputs);
        DeviceBuffer<float> scales = _arena.Allocate<float>(linear.Outputs);
        int step = Math.Max(1, Math.Min(linear.Outputs, UploadNumbers / linear.Inputs));
        using DeviceBuffer<float> part = _stream.Allocate<float>((long)step * linear.Inputs), norms = _stream.Allocate<float>(linear.Outputs);
        for (int first = 0; first < linear.Outputs; first += step)
        {
            int count = Math.Min(step, linear.Outputs - first);
            var rows = new float[count * linear.Inputs];
            linear.CopyRows(first, rows);
            _stream.Upload<float>(rows, part.Slice(0, rows.Length));
            Kernels.Ops.Quantise.Quantise.Rows(
                _stream, part.Span, count, linear.Inputs, weight.Slice((long)first * linear.Inputs, rows.Length), scales.Slice(first, count), norms.Slice(first, count));
        }

        var lengths = new float[linear.Outputs];
        _stream.Download(norms.Span, lengths);
        DeviceSpan<float> bias = linear.HasBias ? _arena.Upload(linear.BiasValues).Span : default;
        return (CudaLinear.Of(weight.Span, scales.Span, bias, linear.Inputs, linear.Outputs), lengths.Max());
    }

    /// <summary>The weight a part at a time, as the original's is larger than what should be converted at once.</summary>
    private DeviceSpan<T> Upload<T>(PackedLinear linear, Func<float[], T[]> convert)
        where T : unmanaged
    {
        DeviceBuffer<T> weight = _arena.Allocate<T>((long)linear.Inputs * linear.Outputs);
        int step = Math.Max(1, Math.Min(linear.Outputs, UploadNumbers / linear.Inputs));
        for (int first = 0; first < linear.Outputs; first += step)
        {
            var rows = new float[Math.Min(step, linear.Outputs - first) * linear.Inputs];
            linear.CopyRows(first, rows);
            _stream.Upload<T>(convert(rows), weight.Slice((long)first * linear.Inputs, rows.Length));
        }

        return weight.Span;
    }

    private static float[] Transposed(PackedLinear linear)
    {
        float[] rows = new float[linear.Inputs * linear.Outputs], columns = new float[rows.Length];
        linear.CopyRows(0, rows);
        for (int output = 0; output < linear.Outputs; output++)
        {
            for (int input = 0; input < linear.Inputs; input++) columns[input * linear.Outputs + output] = rows[output * linear.Inputs + input];
        }

        return columns;
    }
}
