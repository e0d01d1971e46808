using Engine.Training.Interop;

namespace Engine.Training.Torch;

public sealed unsafe partial class Tensor
{
    /// <summary>eˣ / Σ eˣ along an axis, without overflow.</summary>
    public Tensor Softmax(int dim) => Aten.Softmax.Invoke(this, dim);

    /// <summary>Logarithm of <see cref="Softmax"/>.</summary>
    public Tensor LogSoftmax(int dim) => Aten.LogSoftmax.Invoke(this, dim);

    /// <summary>log Σ eˣ along an axis, without overflow.</summary>
    public Tensor LogSumExp(int dim, bool keepdim = false) => OverAxis(Aten.LogSumExp, dim, keepdim);

    /// <summary>Sum of all elements.</summary>
    public Tensor Sum() => Aten.Sum.Invoke(this);

    /// <summary>Sum along an axis.</summary>
    public Tensor Sum(int dim, bool keepdim = false) => OverAxis(Aten.SumDim, dim, keepdim);

    /// <summary>Sum along several axes.</summary>
    public Tensor Sum(ReadOnlySpan<long> dims, bool keepdim = false) => OverAxes(Aten.SumDim, dims, keepdim);

    /// <summary>Mean of all elements.</summary>
    public Tensor Mean() => Aten.Mean.Invoke(this);

    /// <summary>Mean along an axis.</summary>
    public Tensor Mean(int dim, bool keepdim = false) => OverAxis(Aten.MeanDim, dim, keepdim);

    /// <summary>Mean along several axes.</summary>
    public Tensor Mean(ReadOnlySpan<long> dims, bool keepdim = false) => OverAxes(Aten.MeanDim, dims, keepdim);

    /// <summary>Variance along an axis: the sum of squares is divided by n−1 where <paramref name="unbiased"/>, else by n.</summary>
    public Tensor Var(int dim, bool unbiased = true, bool keepdim = false)
    {
        long axis = dim;
        return Aten.VarDim.Invoke(this, Argument.Longs(&axis, 1), unbiased, keepdim);
    }

    /// <summary>Variance of all elements.</summary>
    public Tensor Var(bool unbiased = true) => Aten.Var.Invoke(this, unbiased);

    /// <summary>Standard deviation of all elements, with n−1 where <paramref name="unbiased"/>.</summary>
    public Tensor Std(bool unbiased = true) => Aten.Std.Invoke(this, unbiased);

    /// <summary>The largest element.</summary>
    public Tensor Max() => Aten.Max.Invoke(this);

    /// <summary>The smallest element.</summary>
    public Tensor Min() => Aten.Min.Invoke(this);

    /// <summary>The largest element along an axis; the same as <see cref="AMax"/>.</summary>
    public Tensor Max(int dim, bool keepdim = false) => AMax(dim, keepdim);

    /// <summary>The largest element along an axis. Equal largest elements share the gradient.</summary>
    public Tensor AMax(int dim, bool keepdim = false) => OverAxis(Aten.AMax, dim, keepdim);

    /// <summary>The smallest element along an axis.</summary>
    public Tensor AMin(int dim, bool keepdim = false) => OverAxis(Aten.AMin, dim, keepdim);

    /// <summary>Index (Int64) of the largest element along an axis.</summary>
    public Tensor ArgMax(int dim, bool keepdim = false) => Aten.ArgMax.Invoke(this, dim, keepdim);

    /// <summary>Running sum along an axis.</summary>
    public Tensor CumSum(int dim) => Aten.CumSum.Invoke(this, dim);

    private Tensor OverAxis(Operator op, int dim, bool keepdim)
    {
        long axis = dim;
        return op.Invoke(this, Argument.Longs(&axis, 1), keepdim);
    }

    private Tensor OverAxes(Operator op, ReadOnlySpan<long> dims, bool keepdim)
    {
        fixed (long* list = dims) return op.Invoke(this, Argument.Longs(list, dims.Length), keepdim);
    }
}
