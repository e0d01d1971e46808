using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Ops.LayerNorm;
using Engine.Kernels.Ops.SpatialAttention;
using Engine.Kernels.Ops.TemporalAttention;
using Engine.Kernels.Threading;

namespace Engine.Runtime.WorldModel;

/// <summary>
/// One trip of some frames through the network, with its buffers. The rows (frame by frame, token by token) are split among the threads of a team;
/// each computes its own rows from beginning to end and meets the others only where attention looks across the split.
/// A row's result depends neither on the split nor on the other environments' frames.
/// </summary>
internal sealed class FramePass : IDisposable
{
    private readonly WorldModelWeights _weights;
    private readonly FrameGeometry _geometry;
    private readonly NativeBuffer<float> _x, _mixed, _hidden, _temporal, _conditioning, _modulation;
    private readonly NativeBuffer<float>[] _spatial, _scratch;
    private readonly int _dim, _heads, _inputWidth, _outputWidth;

    /// <summary>A pass of at most <paramref name="capacity"/> frames, <paramref name="conditions"/> rows of conditioning and <paramref name="team"/> threads.</summary>
    public FramePass(WorldModelWeights weights, FrameGeometry geometry, int capacity, int conditions, int team)
    {
        _weights = weights;
        _geometry = geometry;
        _dim = weights.Config.Dim;
        _heads = weights.Config.NumHeads;
        _inputWidth = weights.Patch.Inputs;
        _outputWidth = weights.Final.Outputs;
        int rows = checked(capacity * geometry.Tokens);
        Frames = new FrameSlot[capacity];
        Times = new int[conditions];
        Actions = new NativeBuffer<float>(conditions * weights.Config.ActionDim);
        Input = new NativeBuffer<float>(checked(rows * _inputWidth));
        Output = new NativeBuffer<float>(checked(rows * _outputWidth));
        _x = new NativeBuffer<float>(checked(rows * _dim));
        _mixed = new NativeBuffer<float>(checked(rows * _dim));
        _hidden = new NativeBuffer<float>(checked(rows * WorldModelWeights.MlpRatio * _dim));
        _temporal = new NativeBuffer<float>(checked(rows * 3 * _dim));
        // A thread may be one layer ahead of another that still reads its spatial keys: two buffers by turns, and none shared with time.
        _spatial = team == 1 ? [_temporal, _temporal] : [new(checked(rows * 3 * _dim)), new(checked(rows * 3 * _dim))];
        _conditioning = new NativeBuffer<float>(conditions * _dim);
        _modulation = new NativeBuffer<float>(checked(conditions * weights.ModulationWidth));
        _scratch = new NativeBuffer<float>[team];
        for (int i = 0; i < team; i++) _scratch[i] = new NativeBuffer<float>(SpatialAttention.ScratchLength(geometry.Tokens, _dim / _heads));
    }

    /// <summary>Greatest number of frames.</summary>
    public int Capacity => Frames.Length;

    /// <summary>Number of frames in the pass.</summary>
    public int Count { get; set; }

    /// <summary>Number of rows of conditioning.</summary>
    public int Conditions { get; set; }

    /// <summary>The frames; of one environment in order of time.</summary>
    public FrameSlot[] Frames { get; }

    /// <summary>Diffusion time of each row of conditioning.</summary>
    public int[] Times { get; }

    /// <summary>Actions of each row of conditioning, [Conditions, A].</summary>
    public NativeBuffer<float> Actions { get; }

    /// <summary>Patch tokens as the network sees them, [Count · tokens, P·P·C], or twice as wide with the previous frame's behind.</summary>
    public NativeBuffer<float> Input { get; }

    /// <summary>The network's output in token order, [Count · tokens, P·P·C].</summary>
    public NativeBuffer<float> Output { get; }

    /// <summary>Distance between tokens in <see cref="Input"/>.</summary>
    public int InputWidth => _inputWidth;

    /// <summary>Distance between tokens in <see cref="Output"/>.</summary>
    public int OutputWidth => _outputWidth;

    /// <summary>The rows of part <paramref name="part"/>: whole micro-kernel tiles.</summary>
    public (int First, int Last) RowsOf(int part, int parts)
    {
        int rows = Count * _geometry.Tokens;
        if (parts == 1) return (0, rows);
        int tiles = (rows + 7) / 8;
        return (Math.Min(rows, tiles * part / parts * 8), Math.Min(rows, tiles * (part + 1) / parts * 8));
    }

    /// <summary>Conditioning of all rows: embedded time plus embedded action. By one thread, before <see cref="Modulate"/>.</summary>
    public void Condition(ActivationObserver? observer = null, int batch = 0)
    {
        Span<float> conditioning = _conditioning.Span;
        Gemm.Multiply(Actions.Span, Conditions, _weights.Action, conditioning);
        for (int row = 0; row < Conditions; row++)
        {
            ReadOnlySpan<float> time = _weights.TimestepEmbeddingOf(Times[row]);
            Span<float> target = conditioning.Slice(row * _dim, _dim);
            for (int i = 0; i < target.Length; i++) target[i] += time[i];
        }

        Span<float> used = conditioning[..(Conditions * _dim)];
        observer?.Invoke("cond", batch, used);
        Activation.Apply(ActivationFunction.Silu, used, used);
    }

    /// <summary>Shifts, scales and gates of every block for every row of conditioning. Threads share the outputs; all must have ended before <see cref="Run"/>.</summary>
    public void Modulate(int part, int parts)
    {
        int panels = _weights.Modulation.Panels;
        Gemm.MultiplyPanels(
            _conditioning.Span, Conditions, _weights.Modulation, _modulation.Span, ActivationFunction.None, panels * part / parts, panels * (part + 1) / parts);
    }

    /// <summary>Takes the frames through the network.</summary>
    /// <param name="firstCondition">Row of conditioning of the first frame.</param>
    /// <param name="conditionStride">Rows of conditioning from one frame to the next.</param>
    /// <param name="keysOnly">Stop when the last temporal keys and values are in the caches; leaves <see cref="Output"/> as it was.</param>
    /// <param name="interact">Whether several frames of the pass belong to one environment.</param>
    /// <param name="part">This thread's number.</param>
    /// <param name="parts">Threads in the team.</param>
    /// <param name="barrier">The team's barrier.</param>
    /// <param name="observer">Is shown activations; only with one thread.</param>
    /// <param name="batch">Number given to the observer.</param>
    public void Run(
        int firstCondition, int conditionStride, bool keysOnly, bool interact, int part, int parts, TeamBarrier barrier,
        ActivationObserver? observer = null, int batch = 0)
    {
        var (first, last) = RowsOf(part, parts);
        int rows = last - first, width = _weights.ModulationWidth, stride = conditionStride * width;
        ReadOnlySpan<float> modulation = _modulation.Span[(firstCondition * width)..];
        Span<float> x = _x.Slice(first * _dim, rows * _dim), mixed = _mixed.Slice(first * _dim, rows * _dim);
        bool split = SplitsFrames(parts);
        // With an odd number of layers this pass begins with the buffer that the one before ended with.
        if (split && _weights.Config.NumLayers % 2 != 0) barrier.SignalAndWait(parts);
        Gemm.Multiply(Input.Span[(first * _inputWidth)..], rows, _weights.Patch, x);
        observer?.Invoke("patch", batch, x);
        for (int layer = 0; layer < _weights.Config.NumLayers; layer++)
        {
            BlockWeights block = _weights.Blocks[2 * layer];
            ReadOnlySpan<float> m = modulation[(2 * layer * 6 * _dim)..];
            Span<float> qkv = _spatial[layer % 2].Span;
            Project(block, m, stride, x, mixed, first, rows, qkv);
            if (split) barrier.SignalAndWait(parts);
            SpatialAttention.Apply(qkv, _geometry.Tokens, _heads, _geometry.Spatial, first, last, _mixed.Span, _scratch[part].Span);
            Complete(block, m, stride, x, mixed, first, rows);
            observer?.Invoke($"block{layer}.spatial", batch, x);

            block = _weights.Blocks[2 * layer + 1];
            m = modulation[((2 * layer + 1) * 6 * _dim)..];
            qkv = _temporal.Span;
            Project(block, m, stride, x, mixed, first, rows, qkv);
            Append(qkv, layer, first, last);
            if (keysOnly && layer == _weights.Config.NumLayers - 1) return;
            if (interact && parts > 1) barrier.SignalAndWait(parts);
            Attend(qkv, layer, first, last);
            Complete(block, m, stride, x, mixed, first, rows);
            observer?.Invoke($"block{layer}.temporal", batch, x);
        }

        ReadOnlySpan<float> end = modulation[(_weights.Blocks.Length * 6 * _dim)..];
        LayerNorm.Modulate(x, rows, _dim, end, end[_dim..], stride, _geometry.Tokens, first, mixed);
        Gemm.Multiply(mixed, rows, _weights.Final, Output.Slice(first * _outputWidth, rows * _outputWidth));
        observer?.Invoke("final", batch, Output.Slice(first * _outputWidth, rows * _outputWidth));
    }

    public void Dispose()
    {
        foreach (NativeBuffer<float> buffer in new[] { Actions, Input, Output, _x, _mixed, _hidden, _temporal, _conditioning, _modulation }) buffer.Dispose();
        foreach (NativeBuffer<float> buffer in _spatial.Concat(_scratch)) buffer.Dispose();
    }

    private bool SplitsFrames(int parts)
    {
        for (int part = 1; part < parts; part++)
        {
            if (RowsOf(part, parts).First % _geometry.Tokens != 0) return true;
        }

        return false;
    }

    private void Project(
        BlockWeights block, ReadOnlySpan<float> modulation, int stride, ReadOnlySpan<float> x, Span<float> mixed, int first, int rows, Span<float> qkv)
    {
        LayerNorm.Modulate(x, rows, _dim, modulation, modulation[_dim..], stride, _geometry.Tokens, first, mixed);
        Gemm.Multiply(mixed, rows, block.Qkv, qkv.Slice(first * 3 * _dim, rows * 3 * _dim));
    }

    /// <summary>What follows attention in a block: its output projection and the MLP, each with its gate, onto x.</summary>
    private void Complete(BlockWeights block, ReadOnlySpan<float> modulation, int stride, Span<float> x, Span<float> mixed, int first, int rows)
    {
        int tokens = _geometry.Tokens;
        Span<float> hidden = _hidden.Slice(first * block.Expand.Outputs, rows * block.Expand.Outputs);
        Gemm.MultiplyGated(mixed, rows, block.Out, modulation[(2 * _dim)..], stride, tokens, first, x);
        LayerNorm.Modulate(x, rows, _dim, modulation[(3 * _dim)..], modulation[(4 * _dim)..], stride, tokens, first, mixed);
        Gemm.Multiply(mixed, rows, block.Expand, hidden, ActivationFunction.GeluTanh);
        Gemm.MultiplyGated(hidden, rows, block.Contract, modulation[(5 * _dim)..], stride, tokens, first, x);
    }

    private void Append(ReadOnlySpan<float> qkv, int layer, int first, int last)
    {
        int tokens = _geometry.Tokens;
        for (int row = first; row < last;)
        {
            int frame = row / tokens, token = row - frame * tokens, end = Math.Min(tokens, token + last - row);
            var (cache, position) = Frames[frame];
            TemporalAttention.Append(
                qkv[(frame * tokens * 3 * _dim)..], tokens, _heads, token, end, _geometry.Temporal, position, position % cache.Slots, cache.Keys(layer), cache.Values(layer));
            row += end - token;
        }
    }

    private void Attend(ReadOnlySpan<float> qkv, int layer, int first, int last)
    {
        int tokens = _geometry.Tokens;
        Span<int> slots = stackalloc int[Frames[0].Cache.Slots];
        for (int row = first; row < last;)
        {
            int frame = row / tokens, token = row - frame * tokens, end = Math.Min(tokens, token + last - row);
            var (cache, position) = Frames[frame];
            int seen = Math.Min(position + 1, cache.Slots);
            for (int i = 0; i < seen; i++) slots[i] = (position - seen + 1 + i) % cache.Slots;
            TemporalAttention.Attend(
                qkv[(frame * tokens * 3 * _dim)..], tokens, _heads, token, end, _geometry.Temporal, position,
                slots[..seen], cache.Keys(layer), cache.Values(layer), _mixed.Slice(frame * tokens * _dim, tokens * _dim));
            row += end - token;
        }
    }
}
