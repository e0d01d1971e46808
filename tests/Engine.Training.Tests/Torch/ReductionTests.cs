using Engine.Training.Torch;

namespace Engine.Training.Tests.Torch;

public sealed class ReductionTests : IDisposable
{
    private readonly TensorScope _scope = new();

    public void Dispose() => _scope.Dispose();

    private static Tensor Sample() => Expect.Of([1, 2, 6, -3, 5, 4], 2, 3);

    [Fact]
    public void Sums_and_means()
    {
        Tensor t = Sample();
        Expect.Equal([], [15], t.Sum());
        Expect.Equal([3], [-2, 7, 10], t.Sum(0));
        Expect.Equal([2, 1], [9, 6], t.Sum(1, keepdim: true));
        Expect.Equal([], [15], t.Sum([0, 1]));
        Expect.Equal([], [2.5f], t.Mean());
        Expect.Equal([2], [3, 2], t.Mean(-1));
        Expect.Equal([1, 1], [2.5f], t.Mean([0, 1], keepdim: true));
        Expect.Equal([2, 3], [1, 3, 9, -3, 2, 6], t.CumSum(1));
    }

    [Fact]
    public void Variances()
    {
        Tensor t = Sample();
        Expect.Equal([2], [7, 19], t.Var(1));
        Expect.Equal([2, 1], [14f / 3, 38f / 3], t.Var(1, unbiased: false, keepdim: true));
        Expect.Equal([], [10.7f], t.Var(), 1e-5);
        Expect.Equal([], [MathF.Sqrt(10.7f)], t.Std(), 1e-5);
        Expect.Equal([], [MathF.Sqrt(10.7f * 5 / 6)], t.Std(unbiased: false), 1e-5);
    }

    [Fact]
    public void Largest_and_smallest()
    {
        Tensor t = Sample();
        Expect.Equal([2], [6, 5], t.AMax(1));
        Expect.Equal([2], [6, 5], t.Max(1));
        Expect.Equal([1, 3], [-3, 2, 4], t.AMin(0, keepdim: true));
        Expect.Equal([], [6], t.Max());
        Expect.Equal([], [-3], t.Min());
        Tensor index = t.ArgMax(1);
        Assert.Equal(ScalarType.Int64, index.DType);
        Assert.Equal([2, 1], index.ToInt64Array());
    }

    [Fact]
    public void Softmaxes()
    {
        Tensor t = Expect.Of([0, MathF.Log(2), MathF.Log(5)], 1, 3);
        Expect.Equal([1, 3], [1f / 8, 2f / 8, 5f / 8], t.Softmax(-1));
        Expect.Equal([1, 3], [MathF.Log(1f / 8), MathF.Log(2f / 8), MathF.Log(5f / 8)], t.LogSoftmax(1));
        Expect.Equal([1], [MathF.Log(8)], t.LogSumExp(1));
        // No overflow.
        Expect.Equal([2], [0.5f, 0.5f], Expect.Of([1e4f, 1e4f]).Softmax(0));
    }
}
