using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Conditioning;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.LayerNorm;
using Engine.Kernels.Ops.Rotary;
using Engine.Kernels.Ops.SpatialAttention;
using Engine.Kernels.Ops.TemporalAttention;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>
/// Trips of frames through the network on a device, with their buffers: for the original's size 5.1 MiB a frame, and for each frame and level of its conditioning
/// 0.8 MiB of modulation. A row's result depends neither on the other rows nor on how many there are.
/// </summary>
internal sealed class CudaFramePass
{
    private readonly CudaWorldModel _model;
    private readonly CudaStream _stream;
    private readonly TemporalAttentionShape _shape;
    private readonly DeviceBuffer<float> _x, _modulation;
    private readonly DeviceBuffer<Bfloat16> _mixed, _hidden, _qkv, _conditioning;
    private readonly DeviceBuffer<Bfloat16> _keys, _values;
    private readonly GemmWorkspace _workspace;
    private readonly int _dim, _heads, _tokens, _width;

    /// <param name="model">The weights.</param>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="arena">Owns the buffers.</param>
    /// <param name="shape">Of the caches.</param>
    /// <param name="environments">Number of caches.</param>
    /// <param name="capacity">Greatest number of frames.</param>
    /// <param name="conditions">Greatest number of rows of conditioning.</param>
    /// <param name="plans">Of all products.</param>
    public CudaFramePass(CudaWorldModel model, CudaStream stream, CudaArena arena, TemporalAttentionShape shape, int environments, int capacity, int conditions, GemmPlan[] plans)
    {
        _model = model;
        _stream = stream;
        _shape = shape;
        (_dim, _heads, _tokens, _width) = (model.Config.Dim, model.Config.NumHeads, model.Config.Tokens, model.ModulationWidth);
        long rows = (long)capacity * _tokens;
        LayerLength = environments * shape.CacheLength;
        InputWidth = model.Patch.Inputs;
        Input = arena.Allocate<Bfloat16>(rows * InputWidth);
        Output = arena.Allocate<float>(rows * model.Final.Outputs);
        _x = arena.Allocate<float>(rows * _dim);
        _mixed = arena.Allocate<Bfloat16>(rows * _dim);
        _hidden = arena.Allocate<Bfloat16>(rows * WorldModelWeights.MlpRatio * _dim);
        _qkv = arena.Allocate<Bfloat16>(rows * 3 * _dim);
        _conditioning = arena.Allocate<Bfloat16>((long)conditions * _dim);
        _modulation = arena.Allocate<float>((long)conditions * _width);
        _keys = arena.Allocate<Bfloat16>(model.Config.NumLayers * LayerLength);
        _values = arena.Allocate<Bfloat16>(model.Config.NumLayers * LayerLength);
        _workspace = arena.Own(new GemmWorkspace(stream, plans));
    }

    /// <summary>Patch tokens as the network sees them, [frames · tokens, P·P·C], or twice as wide with the previous frame's behind.</summary>
    public DeviceBuffer<Bfloat16> Input { get; }

    /// <summary>The network's output in token order, [frames · tokens, P·P·C].</summary>
    public DeviceBuffer<float> Output { get; }

    /// <summary>Distance between tokens in <see cref="Input"/>.</summary>
    public int InputWidth { get; }

    /// <summary>Numbers that a layer's caches of keys, or of values, hold for all environments.</summary>
    public long LayerLength { get; }

    /// <summary>Caches of keys, [layers, environments, window, tokens, D].</summary>
    public DeviceSpan<Bfloat16> Keys => _keys.Span;

    /// <summary>Caches of values, likewise.</summary>
    public DeviceSpan<Bfloat16> Values => _values.Span;

    /// <summary>Shifts, scales and gates of every block for every row of conditioning.</summary>
    /// <param name="linears">The layers.</param>
    /// <param name="times">[rows]: diffusion times.</param>
    /// <param name="actions">[rows / rowsPerAction, A].</param>
    /// <param name="rows">Rows of conditioning.</param>
    /// <param name="rowsPerAction">Consecutive rows with the same action.</param>
    public void Modulate(CudaLinears linears, DeviceSpan<int> times, DeviceSpan<float> actions, int rows, int rowsPerAction)
    {
        Conditioning.Embed(
            _stream, _model.Times, times, actions, rows, rowsPerAction, _model.Config.ActionDim, _model.ActionWeight, _model.ActionBias, _dim, _conditioning.Span);
        Gemm.Multiply(_stream, _conditioning.Span, rows, linears.Modulation, _modulation.Span, _workspace);
    }

    /// <summary>Takes frames through the network.</summary>
    /// <param name="linears">The layers.</param>
    /// <param name="descriptions">Of the frames, for the temporal attention.</param>
    /// <param name="frames">Number of frames.</param>
    /// <param name="firstCondition">Row of conditioning of the first frame.</param>
    /// <param name="conditionStride">Rows of conditioning from one frame to the next.</param>
    /// <param name="keysOnly">Stop when the last temporal keys and values are in the caches; leaves <see cref="Output"/> as it was.</param>
    /// <param name="interact">Whether several frames may belong to one environment.</param>
    public void Run(CudaLinears linears, DeviceSpan<int> descriptions, int frames, int firstCondition, int conditionStride, bool keysOnly, bool interact)
    {
        int rows = frames * _tokens, stride = conditionStride * _width;
        DeviceSpan<float> modulation = _modulation.Span.Slice((long)firstCondition * _width), x = _x.Span;
        Gemm.Multiply(_stream, Input.Span, rows, linears.Patch, x, _workspace);
        for (int layer = 0; layer < _model.Config.NumLayers; layer++)
        {
            CudaBlock block = linears.Blocks[2 * layer];
            DeviceSpan<float> m = modulation.Slice(2L * layer * 6 * _dim);
            Project(block, m, stride, rows);
            Rotary.ApplyPacked(_stream, _qkv.Span, rows, _heads, _model.Spatial);
            SpatialAttention.Apply(_stream, _qkv.Span, frames, _tokens, _heads, _dim / _heads, _mixed.Span);
            Complete(block, m, stride, rows);

            block = linears.Blocks[2 * layer + 1];
            m = modulation.Slice((2L * layer + 1) * 6 * _dim);
            DeviceSpan<Bfloat16> keys = Keys.Slice(layer * LayerLength, LayerLength), values = Values.Slice(layer * LayerLength, LayerLength);
            Project(block, m, stride, rows);
            bool last = keysOnly && layer == _model.Config.NumLayers - 1;
            if (last || interact) TemporalAttention.Append(_stream, _shape, _qkv.Span, descriptions, frames, _model.Temporal, keys, values);
            if (last) return;
            if (interact) TemporalAttention.Attend(_stream, _shape, _qkv.Span, descriptions, frames, _model.Temporal, keys, values, _mixed.Span);
            else TemporalAttention.AppendAndAttend(_stream, _shape, _qkv.Span, descriptions, frames, _model.Temporal, keys, values, _mixed.Span);
            Complete(block, m, stride, rows);
        }

        DeviceSpan<float> end = modulation.Slice((long)_model.Blocks.Length * 6 * _dim);
        LayerNorm.Modulate(_stream, x, rows, _dim, end, end.Slice(_dim), stride, _tokens, 0, _mixed.Span);
        Gemm.Multiply(_stream, _mixed.Span, rows, linears.Final, Output.Span, _workspace);
    }

    private void Project(CudaBlock block, DeviceSpan<float> modulation, int stride, int rows)
    {
        LayerNorm.Modulate(_stream, _x.Span, rows, _dim, modulation, modulation.Slice(_dim), stride, _tokens, 0, _mixed.Span);
        Gemm.Multiply(_stream, _mixed.Span, rows, block.Qkv, _qkv.Span, _workspace);
    }

    /// <summary>What follows attention in a block: its output projection and the MLP, each with its gate, onto x.</summary>
    private void Complete(CudaBlock block, DeviceSpan<float> modulation, int stride, int rows)
    {
        Gemm.MultiplyGated(_stream, _mixed.Span, rows, block.Out, modulation.Slice(2L * _dim), stride, _tokens, 0, _x.Span, _workspace);
        LayerNorm.Modulate(_stream, _x.Span, rows, _dim, modulation.Slice(3L * _dim), modulation.Slice(4L * _dim), stride, _tokens, 0, _mixed.Span);
        Gemm.Multiply(_stream, _mixed.Span, rows, block.Expand, _hidden.Span, _workspace, ActivationFunction.GeluTanh);
        Gemm.MultiplyGated(_stream, _hidden.Span, rows, block.Contract, modulation.Slice(5L * _dim), stride, _tokens, 0, _x.Span, _workspace);
    }
}
