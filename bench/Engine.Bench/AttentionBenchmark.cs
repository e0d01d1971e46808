using BenchmarkDotNet.Attributes;
using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Ops.Rotary;
using Engine.Kernels.Ops.SpatialAttention;
using Engine.Kernels.Ops.TemporalAttention;

namespace Engine.Bench;

/// <summary>Attention of one frame on one thread: among its tokens, and over a window of frames; shapes are tokens × dim × heads × window.</summary>
public class AttentionBenchmark
{
    private NativeBuffer<float> _qkv = null!, _output = null!, _scratch = null!, _keys = null!, _values = null!;
    private RotaryTable _space = null!, _time = null!;
    private int[] _slots = null!;
    private int _tokens, _heads, _window;

    [Params("16x128x4x4", "64x256x4x10", "256x1024x16x20")]
    public string Shape { get; set; } = "16x128x4x4";

    [GlobalSetup]
    public void Setup()
    {
        int[] sizes = [.. Shape.Split('x').Select(int.Parse)];
        (_tokens, int dim, _heads, _window) = (sizes[0], sizes[1], sizes[2], sizes[3]);
        int side = (int)Math.Sqrt(_tokens), width = dim / _heads, slot = TemporalAttention.SlotLength(_tokens, _heads, width);
        _space = RotaryTable.Create(RotaryFrequencies.Standard, width, side, side);
        _time = RotaryTable.Create(RotaryFrequencies.Standard, width, _window);
        _qkv = new NativeBuffer<float>(_tokens * 3 * dim);
        Philox.FillNormal(_qkv.Span, new PhiloxKey(1, PhiloxStream.Latent));
        _output = new NativeBuffer<float>(_tokens * dim);
        _scratch = new NativeBuffer<float>(SpatialAttention.ScratchLength(_tokens, width));
        _keys = new NativeBuffer<float>(_window * slot);
        _values = new NativeBuffer<float>(_window * slot);
        _slots = [.. Enumerable.Range(0, _window)];
        foreach (int frame in _slots) TemporalAttention.Append(_qkv.Span, _tokens, _heads, 0, _tokens, _time, frame, frame, _keys.Span, _values.Span);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (NativeBuffer<float> buffer in new[] { _qkv, _output, _scratch, _keys, _values }) buffer.Dispose();
    }

    [Benchmark]
    public void Spatial() => SpatialAttention.Apply(_qkv.Span, _tokens, _heads, _space, 0, _tokens, _output.Span, _scratch.Span);

    [Benchmark]
    public void TemporalAppend() => TemporalAttention.Append(_qkv.Span, _tokens, _heads, 0, _tokens, _time, _window - 1, _window - 1, _keys.Span, _values.Span);

    [Benchmark]
    public void TemporalAttend() => TemporalAttention.Attend(
        _qkv.Span, _tokens, _heads, 0, _tokens, _time, _window - 1, _slots, _keys.Span, _values.Span, _output.Span);
}
