using Engine.Training.Interop;

namespace Engine.Training.Torch;

public sealed unsafe partial class Tensor
{
    /// <summary>Swaps two axes; shares memory.</summary>
    public Tensor Transpose(int dim0, int dim1) => Aten.Transpose.Invoke(this, dim0, dim1);

    /// <summary>Reorders the axes: axis i of the result is axis <paramref name="dims"/>[i]; shares memory.</summary>
    public Tensor Permute(params ReadOnlySpan<long> dims) => WithLongs(Aten.Permute, dims);

    /// <summary>The same elements in another shape, copied only if need be; one size may be −1.</summary>
    public Tensor Reshape(params ReadOnlySpan<long> shape) => WithLongs(Aten.Reshape, shape);

    /// <summary>As <see cref="Reshape"/>, but throws where a copy would be needed.</summary>
    public Tensor View(params ReadOnlySpan<long> shape) => WithLongs(Aten.View, shape);

    /// <summary>Row-major in memory; the same memory where it is so already.</summary>
    public Tensor Contiguous()
    {
        Check(TorchNative.eng_torch_contiguous(Handle, 0, out nint result), "Contiguous");
        return new Tensor(result);
    }

    /// <summary>A tensor [N, C, H, W] whose memory order is N, H, W, C: what convolutions on the processor are fastest with.</summary>
    public Tensor ChannelsLast()
    {
        Check(TorchNative.eng_torch_contiguous(Handle, 1, out nint result), "ChannelsLast");
        return new Tensor(result);
    }

    /// <summary>Elements start … start+length−1 of an axis; shares memory.</summary>
    public Tensor Narrow(int dim, long start, long length) => Aten.Narrow.Invoke(this, dim, start, length);

    /// <summary>Elements start, start+step, … below end of an axis; ends beyond the axis are cut off; shares memory.</summary>
    public Tensor Slice(int dim, long start, long end, long step = 1) => Aten.Slice.Invoke(this, dim, start, end, step);

    /// <summary>One index of an axis; the axis is gone; shares memory.</summary>
    public Tensor Select(int dim, long index) => Aten.Select.Invoke(this, dim, index);

    /// <summary>The elements of an axis that <paramref name="index"/> (Int64, one axis) names; a copy.</summary>
    public Tensor IndexSelect(int dim, Tensor index) => Aten.IndexSelect.Invoke(this, dim, index);

    /// <summary>result[i, j] = this[i, index[i, j]] along <paramref name="dim"/> (here 1); the index is Int64 with as many axes as this.</summary>
    public Tensor Gather(int dim, Tensor index) => Aten.Gather.Invoke(this, dim, index);

    /// <summary>Puts in an axis of length 1.</summary>
    public Tensor Unsqueeze(int dim) => Aten.Unsqueeze.Invoke(this, dim);

    /// <summary>Takes out an axis if its length is 1.</summary>
    public Tensor Squeeze(int dim) => Aten.Squeeze.Invoke(this, dim);

    /// <summary>Repeats axes of length 1 without a copy; −1 keeps an axis.</summary>
    public Tensor Expand(params ReadOnlySpan<long> shape) => WithLongs(Aten.Expand, shape);

    /// <summary>Repeats the tensor along each axis; a copy.</summary>
    public Tensor Repeat(params ReadOnlySpan<long> times) => WithLongs(Aten.Repeat, times);

    /// <summary>Reverses the order along the axes; a copy.</summary>
    public Tensor Flip(params ReadOnlySpan<long> dims) => WithLongs(Aten.Flip, dims);

    /// <summary>Joins the axes from <paramref name="startDim"/> to the last into one.</summary>
    public Tensor Flatten(int startDim = 0) => Aten.Flatten.Invoke(this, startDim);

    /// <summary>Cuts an axis into <paramref name="count"/> pieces (fewer where it is too short); they share memory.</summary>
    public Tensor[] Chunk(int count, int dim) => Aten.Chunk.InvokeToList(this, count, dim);

    /// <summary>Cuts an axis into pieces of <paramref name="size"/>, the last may be shorter; they share memory.</summary>
    public Tensor[] Split(long size, int dim) => Aten.Split.InvokeToList(this, size, dim);

    /// <summary>The lower triangle of the last two axes, zeros above the diagonal.</summary>
    public Tensor Tril(long diagonal = 0) => Aten.Tril.Invoke(this, diagonal);

    /// <summary>The upper triangle of the last two axes, zeros below the diagonal.</summary>
    public Tensor Triu(long diagonal = 0) => Aten.Triu.Invoke(this, diagonal);

    /// <summary>The same numbers in another type; the same memory where it is that type already.</summary>
    public Tensor To(ScalarType type)
    {
        Check(TorchNative.eng_torch_to(Handle, (int)type, out nint result), "To");
        return new Tensor(result);
    }

    /// <summary>The same memory, outside of the graph of derivatives.</summary>
    public Tensor Detach() => Aten.Detach.Invoke(this);

    /// <summary>A copy, through which derivatives pass.</summary>
    public Tensor Clone() => Aten.Clone.Invoke(this);

    private Tensor WithLongs(Operator op, ReadOnlySpan<long> values)
    {
        fixed (long* list = values) return op.Invoke(this, Argument.Longs(list, values.Length));
    }
}
