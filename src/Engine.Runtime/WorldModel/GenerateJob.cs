using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel.Cuda;

namespace Engine.Runtime.WorldModel;

/// <summary>
/// Generates sequences from files: a model, settings, and an npz with context and actions; writes an npz with all frames.
/// </summary>
public sealed record GenerateJob
{
    /// <summary>The model's configuration (JSON).</summary>
    public required string ModelPath { get; init; }

    /// <summary>The weights (.npz or .safetensors).</summary>
    public required string WeightsPath { get; init; }

    /// <summary>The settings (JSON: cases by name).</summary>
    public required string SettingsPath { get; init; }

    /// <summary>Name of the case; the prefix of the arrays' names.</summary>
    public required string Case { get; init; }

    /// <summary>npz with <c>case.context</c> [B, n, H, W, C], <c>case.actions</c> [B, frames, A] and, if wanted, <c>case.noise</c> [B, frames − n, H, W, C].</summary>
    public required string InputPath { get; init; }

    /// <summary>npz to write: <c>case.out</c> [B, frames, H, W, C].</summary>
    public required string OutputPath { get; init; }

    /// <summary>What happens when the window slides; a horizon above 1 is always exact.</summary>
    public DreamMode Mode { get; init; } = DreamMode.Exact;

    /// <summary>What the blocks' projections are rounded to; on a GPU all matrices, activations and caches.</summary>
    public GemmPrecision Precision { get; init; }

    /// <summary>Seed of the noise, where none is given.</summary>
    public ulong Seed { get; init; }

    /// <summary>The GPU to dream on; the processor when null.</summary>
    public CudaContext? Device { get; init; }

    /// <summary>Reads, generates, writes; returns the shape of the output [B, frames, H, W, C].</summary>
    /// <exception cref="InvalidDataException">A file does not fit; the message says which and how.</exception>
    public int[] Run()
    {
        GenerateSettings settings = GenerateSettings.Read(SettingsPath, Case);
        WorldModelConfig config = settings.Apply(WorldModelConfig.Read(ModelPath));
        if (settings.Horizon < 1) throw new InvalidDataException($"{SettingsPath}: horizon must be at least 1, it is {settings.Horizon}");
        if (settings.Horizon > 1 && Mode == DreamMode.Streaming)
            throw new InvalidDataException($"{SettingsPath}: the streaming mode has no pyramid; take horizon 1 or the exact mode");
        if (settings.Horizon > 1 && Device is not null)
            throw new InvalidDataException($"{SettingsPath}: a horizon above 1 is made on the processor only; take horizon 1 or no --device");
        using WorldModelWeights weights = WorldModelWeights.Load(WeightFile.Read(WeightsPath), config, Device is null ? Precision : GemmPrecision.Float32);
        Dictionary<string, NamedArray> input = Npz.Read(InputPath);
        NamedArray contextArray = Require(input, "context");
        if (contextArray.Shape is not [> 0 and var batch, > 0 and var known, _, _, _] || !contextArray.Shape.AsSpan(2).SequenceEqual([config.LatentHeight, config.LatentWidth, config.InChannels]))
        {
            throw new InvalidDataException(
                $"{InputPath}: {Case}.context must be [B, n, {config.LatentHeight}, {config.LatentWidth}, {config.InChannels}], it is [{string.Join(", ", contextArray.Shape)}]");
        }

        int b = (int)batch, n = (int)known, made = settings.NFrames - n, frame = config.FrameNumbers;
        if (made < 0) throw new InvalidDataException($"{SettingsPath}: n_frames is {settings.NFrames}, less than the {n} frames of context");
        float[] context = contextArray.ToFloat32(), actions = Shaped(input, "actions", b, settings.NFrames, config.ActionDim);
        float[] noise = input.ContainsKey($"{Case}.noise")
            ? Shaped(input, "noise", b, made, config.LatentHeight, config.LatentWidth, config.InChannels)
            : Draw(b, n, made, frame);
        var output = new float[b * settings.NFrames * frame];
        if (settings.Horizon == 1) Dream(weights, context, actions, noise, b, n, settings.NFrames, output);
        else
        {
            using var generator = new WorldModelGenerator(weights, settings.Horizon);
            generator.Generate(context, actions, noise, b, settings.NFrames, output);
        }

        long[] shape = [b, settings.NFrames, config.LatentHeight, config.LatentWidth, config.InChannels];
        Npz.Write(OutputPath, new Dictionary<string, NamedArray> { [$"{Case}.out"] = NamedArray.FromFloat32(output, shape) });
        return [.. shape.Select(length => (int)length)];
    }

    private void Dream(WorldModelWeights weights, float[] context, float[] actions, float[] noise, int batch, int known, int frames, float[] output)
    {
        int frame = weights.Config.FrameNumbers, width = weights.Config.ActionDim, made = frames - known;
        using CudaWorldModel? model = Device is null ? null : new CudaWorldModel(Device, weights, Precision);
        using IDream dream = model is null ? new DreamState(weights, batch, Mode, seed: Seed) : new CudaDreamState(model, batch, Mode, seed: Seed);
        var environments = new int[batch];
        var stepActions = new float[batch * width];
        float[] stepNoise = new float[batch * frame], latents = new float[batch * frame];
        for (int b = 0; b < batch; b++)
        {
            environments[b] = b;
            context.AsSpan(b * known * frame, known * frame).CopyTo(output.AsSpan(b * frames * frame));
            dream.Reset(b, 0, context.AsSpan(b * known * frame, known * frame), actions.AsSpan(b * frames * width, known * width));
        }

        for (int k = 0; k < made; k++)
        {
            for (int b = 0; b < batch; b++)
            {
                actions.AsSpan((b * frames + known + k) * width, width).CopyTo(stepActions.AsSpan(b * width));
                noise.AsSpan((b * made + k) * frame, frame).CopyTo(stepNoise.AsSpan(b * frame));
            }

            dream.Step(environments, stepActions, stepNoise, latents);
            for (int b = 0; b < batch; b++) latents.AsSpan(b * frame, frame).CopyTo(output.AsSpan((b * frames + known + k) * frame));
        }
    }

    private float[] Draw(int batch, int known, int made, int frame)
    {
        var noise = new float[batch * made * frame];
        for (int i = 0; i < batch * made; i++)
        {
            var key = new PhiloxKey(Seed, PhiloxStream.DreamNoise, (uint)(i / made), 0, (uint)(known + i % made));
            Philox.FillNormal(noise.AsSpan(i * frame, frame), key);
        }

        return noise;
    }

    private NamedArray Require(Dictionary<string, NamedArray> input, string name) => input.TryGetValue($"{Case}.{name}", out NamedArray? array)
        ? array
        : throw new InvalidDataException($"{InputPath}: the array '{Case}.{name}' is missing");

    private float[] Shaped(Dictionary<string, NamedArray> input, string name, params long[] shape)
    {
        NamedArray array = Require(input, name);
        if (!array.Shape.AsSpan().SequenceEqual(shape))
            throw new InvalidDataException($"{InputPath}: {Case}.{name} must be [{string.Join(", ", shape)}], it is [{string.Join(", ", array.Shape)}]");
        return array.ToFloat32();
    }
}
