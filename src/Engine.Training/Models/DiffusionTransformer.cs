using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>
/// The world model for training: a diffusion transformer with factorised space and time, the form and the state-dict names of
/// world-model-eval (arXiv 2506.00613). The runtime computes the same function on its own kernels; this one exists for gradients.
/// Latents are [B, T, H, W, C], actions [B, T, A], timesteps [B, T] in 0 … 999.
/// Options beyond the original (off by default): the previous frame's latents as further input channels, and the output read as a
/// change against the previous frame.
/// </summary>
public sealed class DiffusionTransformer : Module
{
    private const int TimestepWidth = 256;
    private readonly Tensor _patchWeight, _patchBias, _timestepFrequencies;
    private readonly Linear _time0, _time2, _action, _finalModulation, _finalLinear;
    private readonly DiffusionBlock[] _spatial, _temporal;
    private readonly Dictionary<string, Tensor> _constants = [];

    /// <param name="initialiser">Source of the initial weights; modulations and the final layer start at zero, as in DiT.</param>
    /// <param name="architecture">Sizes and options.</param>
    public DiffusionTransformer(WeightInitialiser initialiser, DiffusionTransformerArchitecture architecture)
    {
        Architecture = architecture;
        var a = architecture;
        int inputs = a.InChannels * (a.PreviousFrameInput ? 2 : 1);
        _patchWeight = Parameter("x_proj.weight", initialiser.KaimingUniform(a.Dim, inputs, a.PatchSize, a.PatchSize));
        _patchBias = Parameter("x_proj.bias", Tensor.Zeros(a.Dim));
        _time0 = Child("timestep_mlp.0", new Linear(initialiser, TimestepWidth, a.Dim));
        _time2 = Child("timestep_mlp.2", new Linear(initialiser, a.Dim, a.Dim));
        _action = Child("action_embedder", new Linear(initialiser, a.ActionDim, a.Dim));
        _spatial = new DiffusionBlock[a.NumLayers];
        _temporal = new DiffusionBlock[a.NumLayers];
        for (int i = 0; i < a.NumLayers; i++)
        {
            _spatial[i] = Child($"blocks.{i}.s_block", new DiffusionBlock(initialiser, a.Dim, a.NumHeads));
            _temporal[i] = Child($"blocks.{i}.t_block", new DiffusionBlock(initialiser, a.Dim, a.NumHeads));
        }

        _finalLinear = Child("final_layer.linear", new Linear(initialiser, a.Dim, a.PatchSize * a.PatchSize * a.InChannels));
        _finalModulation = Child("final_layer.adaLN_modulation.1", new Linear(initialiser, a.Dim, 2 * a.Dim));
        foreach (var (_, parameter) in _finalLinear.NamedParameters()) Zero(parameter);
        foreach (var (_, parameter) in _finalModulation.NamedParameters()) Zero(parameter);
        var frequencies = new float[TimestepWidth / 2];
        for (int i = 0; i < frequencies.Length; i++) frequencies[i] = MathF.Exp(-MathF.Log(10000f) * i / frequencies.Length);
        _timestepFrequencies = TensorScope.Free(Tensor.FromSpan(frequencies, 1, 1, frequencies.Length));
    }

    public DiffusionTransformerArchitecture Architecture { get; }

    /// <summary>
    /// Velocity prediction [B, T, H, W, C] of the original: temporal attention causal over all T frames.
    /// </summary>
    public Tensor Forward(Tensor latents, Tensor timesteps, Tensor actions)
    {
        if (Architecture.PreviousFrameInput || Architecture.PredictChange)
            throw new InvalidOperationException("This world model needs the previous frame: call the overload that takes it.");
        int frames = (int)latents.Size(1);
        return Run(latents, null, Condition(timesteps, actions), Range(frames), TemporalMask.Causal(frames, frames));
    }

    /// <summary>
    /// Frames with given previous frames, positions and attention pattern; the building block of teacher-forced training.
    /// </summary>
    /// <param name="latents">Noisy latents [B, F, H, W, C].</param>
    /// <param name="previous">Latents of the frame before each, as the network saw them [B, F, H, W, C]; zeros before the first.</param>
    /// <param name="timesteps">int64 [B, F].</param>
    /// <param name="actions">[B, F, A].</param>
    /// <param name="positions">Temporal position of each of the F frames.</param>
    /// <param name="mask">Which frame attends to which.</param>
    public Tensor Forward(Tensor latents, Tensor previous, Tensor timesteps, Tensor actions, int[] positions, TemporalMask mask) =>
        Run(latents, previous, Condition(timesteps, actions), positions, mask);

    /// <summary>Conditioning c [B, T, D].</summary>
    public Tensor Condition(Tensor timesteps, Tensor actions)
    {
        var angle = timesteps.To(ScalarType.Float32).Unsqueeze(2) * _timestepFrequencies;
        var embedding = Tensor.Cat(2, angle.Cos(), angle.Sin());
        return _time2.Forward(_time0.Forward(embedding).Silu()) + _action.Forward(actions);
    }

    private Tensor Run(Tensor latents, Tensor? previous, Tensor condition, int[] positions, TemporalMask mask)
    {
        var a = Architecture;
        long b = latents.Size(0), t = latents.Size(1), rows = latents.Size(2) / a.PatchSize, columns = latents.Size(3) / a.PatchSize;
        var input = a.PreviousFrameInput ? Tensor.Cat(4, latents, previous!) : latents;
        var x = Functional.Linear(Patchify(input), _patchWeight.Reshape(a.Dim, -1), _patchBias);
        var c = condition.Silu();
        var (spaceCos, spaceSin) = Rotary(rows, columns);
        var (timeCos, timeSin) = Rotary(positions);
        var maskTensor = Constant("mask:" + mask.Key, () => mask.ToTensor());
        for (int i = 0; i < a.NumLayers; i++)
        {
            x = _spatial[i].Forward(x, c, temporal: false, spaceCos, spaceSin, null);
            x = _temporal[i].Forward(x, c, temporal: true, timeCos, timeSin, maskTensor);
        }

        var m = _finalModulation.Forward(c).Unsqueeze(2).Chunk(2, 3);
        x = Functional.LayerNorm(x, a.Dim, null, null, 1e-6);
        var output = Unpatchify(_finalLinear.Forward(x * (m[1] + 1) + m[0]), b, t, rows, columns);
        return output;
    }

    private Tensor Patchify(Tensor x)
    {
        int p = Architecture.PatchSize;
        long b = x.Size(0), t = x.Size(1), h = x.Size(2) / p, w = x.Size(3) / p, c = x.Size(4);
        return x.Reshape(b, t, h, p, w, p, c).Permute(0, 1, 2, 4, 6, 3, 5).Reshape(b, t, h * w, c * p * p);
    }

    private Tensor Unpatchify(Tensor x, long b, long t, long h, long w)
    {
        int p = Architecture.PatchSize, c = Architecture.InChannels;
        return x.Reshape(b, t, h, w, p, p, c).Permute(0, 1, 2, 4, 3, 5, 6).Reshape(b, t, h * p, w * p, c);
    }

    private (Tensor Cos, Tensor Sin) Rotary(long rows, long columns)
    {
        var a = Architecture;
        int headDim = a.Dim / a.NumHeads;
        string key = $"space:{rows}x{columns}";
        return (Constant(key + ":cos", () => Table(false)), Constant(key + ":sin", () => Table(true)));

        Tensor Table(bool sin) => RotaryTable.Spatial((int)rows, (int)columns, headDim, a.SpatialRotary == SpatialRotaryKind.Pixel, sin);
    }

    private (Tensor Cos, Tensor Sin) Rotary(int[] positions)
    {
        int headDim = Architecture.Dim / Architecture.NumHeads;
        string key = "time:" + string.Join(',', positions);
        return (Constant(key + ":cos", () => RotaryTable.Temporal(positions, headDim, false)),
            Constant(key + ":sin", () => RotaryTable.Temporal(positions, headDim, true)));
    }

    private Tensor Constant(string key, Func<Tensor> make)
    {
        if (_constants.TryGetValue(key, out var tensor)) return tensor;
        using var device = new DeviceScope(_patchWeight.Device);
        return _constants[key] = TensorScope.Free(make());
    }

    private static int[] Range(int count)
    {
        var positions = new int[count];
        for (int i = 0; i < count; i++) positions[i] = i;
        return positions;
    }

    private static void Zero(Tensor parameter)
    {
        using var noGrad = new NoGrad();
        parameter.ZeroInPlace();
    }
}
