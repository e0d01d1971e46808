using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Conditioning;
using Engine.Kernels.Ops.DdimUpdate;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.LayerNorm;
using Engine.Kernels.Ops.Patchify;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Ops.Rotary;
using Engine.Kernels.Ops.SpatialAttention;
using Engine.Kernels.Ops.TemporalAttention;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>The network with its activations and caches stored as <typeparamref name="T"/>: <see cref="Bfloat16"/>, or float where nothing is to be rounded.</summary>
internal sealed class CudaFramePass<T> : CudaFramePass
    where T : unmanaged
{
    private readonly CudaWorldModel _model;
    private readonly CudaStream _stream;
    private readonly TemporalAttentionShape _shape;
    private readonly DeviceBuffer<float> _x, _modulation;
    private readonly DeviceBuffer<T> _input, _mixed, _hidden, _qkv, _conditioning;
    private readonly DeviceBuffer<T> _keys, _values;
    private readonly DeviceBuffer<Float8>? _mixed8, _hidden8;
    private readonly DeviceBuffer<float>? _mixedScales, _hiddenScales;
    private readonly GemmWorkspace _workspace;
    private readonly long _layerLength;
    private readonly int _dim, _heads, _tokens, _width;

    /// <inheritdoc cref="CudaFramePass.Create"/>
    public CudaFramePass(CudaWorldModel model, CudaStream stream, CudaArena arena, TemporalAttentionShape shape, int environments, int capacity, int conditions, GemmPlan[] plans)
        : base(model, arena, (long)capacity * model.Config.Tokens)
    {
        _model = model;
        _stream = stream;
        _shape = shape;
        (_dim, _heads, _tokens, _width) = (model.Config.Dim, model.Config.NumHeads, model.Config.Tokens, model.ModulationWidth);
        long rows = (long)capacity * _tokens;
        _layerLength = environments * shape.CacheLength;
        _input = arena.Allocate<T>(rows * model.Patch.Inputs);
        _x = arena.Allocate<float>(rows * _dim);
        _mixed = arena.Allocate<T>(rows * _dim);
        long hidden = rows * WorldModelWeights.MlpRatio * _dim;
        if (model.Precision == GemmPrecision.Float8)
        {
            (_mixed8, _mixedScales) = (arena.Allocate<Float8>(rows * _dim), arena.Allocate<float>(rows));
            (_hidden8, _hiddenScales, hidden) = (arena.Allocate<Float8>(hidden), arena.Allocate<float>(rows), 0);
        }

        _hidden = arena.Allocate<T>(hidden);
        _qkv = arena.Allocate<T>(rows * 3 * _dim);
        _conditioning = arena.Allocate<T>((long)conditions * _dim);
        _modulation = arena.Allocate<float>((long)conditions * _width);
        _keys = arena.Allocate<T>(model.Config.NumLayers * _layerLength);
        _values = arena.Allocate<T>(model.Config.NumLayers * _layerLength);
        _workspace = arena.Own(new GemmWorkspace(stream, plans));
    }

    /// <inheritdoc/>
    public override DeviceSpan<byte> KeysOf(int layer, int environment) => Bytes(CacheOf(_keys, layer, environment));

    /// <inheritdoc/>
    public override DeviceSpan<byte> ValuesOf(int layer, int environment) => Bytes(CacheOf(_values, layer, environment));

    /// <inheritdoc/>
    public override void Show(PatchGeometry geometry, DeviceSpan<float> latents, DeviceSpan<int> indices, int frames, float scale, int column) =>
        Patchify.ToTokens(_stream, geometry, latents, indices, frames, scale, _input.Span.Slice(column), _model.Patch.Inputs);

    /// <inheritdoc/>
    public override void Begin(PatchGeometry geometry, DeviceSpan<uint> keys, int frames, ulong seed, DeviceSpan<float> x, int stride) =>
        DdimUpdate.Begin(_stream, geometry, keys, frames, seed, PhiloxStream.DreamNoise, x, stride, _input.Span, _model.Patch.Inputs);

    /// <inheritdoc/>
    public override void Update(PatchGeometry geometry, DeviceSpan<float> x, DeviceSpan<float> previous, int stride, int frames, in DdimStep step) =>
        DdimUpdate.Apply(_stream, geometry, x, stride, Output.Span, previous, stride, frames, step, _input.Span, _model.Patch.Inputs);

    /// <inheritdoc/>
    public override void Modulate(CudaLinears linears, DeviceSpan<int> times, DeviceSpan<float> actions, int rows, int rowsPerAction)
    {
        Conditioning.Embed(
            _stream, _model.Times, times, actions, rows, rowsPerAction, _model.Config.ActionDim, _model.ActionWeight, _model.ActionBias, _dim, _conditioning.Span);
        Gemm.Multiply(_stream, _conditioning.Span, rows, linears.Modulation, _modulation.Span, _workspace);
    }

    /// <inheritdoc/>
    public override void Run(CudaLinears linears, DeviceSpan<int> descriptions, int frames, int firstCondition, int conditionStride, bool keysOnly, bool interact)
    {
        int rows = frames * _tokens, stride = conditionStride * _width;
        DeviceSpan<float> modulation = _modulation.Span.Slice((long)firstCondition * _width), x = _x.Span;
        Gemm.Multiply(_stream, _input.Span, rows, linears.Patch, x, _workspace);
        for (int layer = 0; layer < _model.Config.NumLayers; layer++)
        {
            CudaBlock block = linears.Blocks[2 * layer];
            DeviceSpan<float> m = modulation.Slice(2L * layer * 6 * _dim);
            Project(block, m, stride, rows);
            Rotary.ApplyPacked(_stream, _qkv.Span, rows, _heads, _model.Spatial);
            Attend(frames);
            Complete(block, m, stride, rows);

            block = linears.Blocks[2 * layer + 1];
            m = modulation.Slice((2L * layer + 1) * 6 * _dim);
            DeviceSpan<T> keys = _keys.Slice(layer * _layerLength, _layerLength), values = _values.Slice(layer * _layerLength, _layerLength);
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

    private void Attend(int frames)
    {
        int width = _dim / _heads;
        if (typeof(T) == typeof(float)) SpatialAttention.Apply(_stream, As<float>(_qkv), frames, _tokens, _heads, width, As<float>(_mixed));
        else SpatialAttention.Apply(_stream, As<Bfloat16>(_qkv), frames, _tokens, _heads, width, As<Bfloat16>(_mixed));
    }

    private void Project(CudaBlock block, DeviceSpan<float> modulation, int stride, int rows)
    {
        DeviceSpan<float> shifts = modulation, scales = modulation.Slice(_dim);
        if (_mixed8 is not null)
        {
            LayerNorm.ModulateQuantised(_stream, _x.Span, rows, _dim, shifts, scales, stride, _tokens, 0, _mixed8.Span, _mixedScales!.Span);
            Gemm.Multiply(_stream, _mixed8.Span, rows, block.Qkv, _qkv.Span, _workspace, scales: new GemmScales(_mixedScales.Span));
            return;
        }

        LayerNorm.Modulate(_stream, _x.Span, rows, _dim, shifts, scales, stride, _tokens, 0, _mixed.Span);
        Gemm.Multiply(_stream, _mixed.Span, rows, block.Qkv, _qkv.Span, _workspace);
    }

    /// <summary>What follows attention in a block: its output projection and the MLP, each with its gate, onto x.</summary>
    private void Complete(CudaBlock block, DeviceSpan<float> modulation, int stride, int rows)
    {
        Gemm.MultiplyGated(_stream, _mixed.Span, rows, block.Out, modulation.Slice(2L * _dim), stride, _tokens, 0, _x.Span, _workspace);
        DeviceSpan<float> shifts = modulation.Slice(3L * _dim), scales = modulation.Slice(4L * _dim), gates = modulation.Slice(5L * _dim);
        if (_mixed8 is not null && _hidden8 is not null)
        {
            LayerNorm.ModulateQuantised(
                _stream, _x.Span, rows, _dim, shifts, scales, stride, _tokens, 0, _mixed8.Span, _mixedScales!.Span, _hiddenScales!.Span, block.Greatest.Norm, block.Greatest.Bias);
            Gemm.Multiply(_stream, _mixed8.Span, rows, block.Expand, _hidden8.Span, _workspace, ActivationFunction.GeluTanh, new GemmScales(_mixedScales.Span, _hiddenScales.Span));
            Gemm.MultiplyGated(_stream, _hidden8.Span, rows, block.Contract, gates, stride, _tokens, 0, _x.Span, _workspace, new GemmScales(_hiddenScales.Span));
            return;
        }

        LayerNorm.Modulate(_stream, _x.Span, rows, _dim, shifts, scales, stride, _tokens, 0, _mixed.Span);
        Gemm.Multiply(_stream, _mixed.Span, rows, block.Expand, _hidden.Span, _workspace, ActivationFunction.GeluTanh);
        Gemm.MultiplyGated(_stream, _hidden.Span, rows, block.Contract, gates, stride, _tokens, 0, _x.Span, _workspace);
    }

    private DeviceSpan<T> CacheOf(DeviceBuffer<T> caches, int layer, int environment) => caches.Slice(layer * _layerLength + environment * _shape.CacheLength, _shape.CacheLength);

    private static DeviceSpan<TNumber> As<TNumber>(DeviceBuffer<T> buffer)
        where TNumber : unmanaged => new(buffer.Span.Address, buffer.Length);

    private static unsafe DeviceSpan<byte> Bytes(DeviceSpan<T> span) => new(span.Address, span.Length * sizeof(T));
}
