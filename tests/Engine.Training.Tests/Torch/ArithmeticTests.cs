using Engine.Training.Torch;

namespace Engine.Training.Tests.Torch;

public sealed class ArithmeticTests : IDisposable
{
    private readonly TensorScope _scope = new();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Operators_work_on_tensors_and_numbers()
    {
        Tensor a = Expect.Of([1, -2, 4]), b = Expect.Of([2, 4, -8]);
        Expect.Equal([3], [3, 2, -4], a + b);
        Expect.Equal([3], [-1, -6, 12], a - b);
        Expect.Equal([3], [2, -8, -32], a * b);
        Expect.Equal([3], [0.5f, -0.5f, -0.5f], a / b);
        Expect.Equal([3], [-1, 2, -4], -a);
        Expect.Equal([3], [1.5f, -1.5f, 4.5f], a + 0.5);
        Expect.Equal([3], [1.5f, -1.5f, 4.5f], 0.5 + a);
        Expect.Equal([3], [0.5f, -2.5f, 3.5f], a - 0.5);
        Expect.Equal([3], [-0.5f, 2.5f, -3.5f], 0.5 - a);
        Expect.Equal([3], [2.5f, -5, 10], a * 2.5);
        Expect.Equal([3], [2.5f, -5, 10], 2.5 * a);
        Expect.Equal([3], [0.5f, -1, 2], a / 2);
        Expect.Equal([3], [2, -1, 0.5f], 2 / a);
    }

    [Fact]
    public void Whole_numbers_stay_whole()
    {
        Tensor whole = Tensor.Arange(3);
        foreach (Tensor result in new[] { whole + 1, 1 + whole, 2 - whole, whole * 3, whole - 1 }) Assert.Equal(ScalarType.Int64, result.DType);
        Assert.Equal([2, 1, 0], (2 - whole).ToInt64Array());
        Assert.Equal(ScalarType.Float32, (whole + 0.5).DType);
        Assert.Equal(ScalarType.Float32, (whole / 2).DType);
        Expect.Equal([3], [0, 0.5f, 1], whole / 2);
    }

    [Fact]
    public void Shapes_broadcast()
    {
        Expect.Equal([2, 2], [11, 21, 12, 22], Expect.Of([10, 20]) + Expect.Of([1, 2], 2, 1));
    }

    [Fact]
    public void Matrices_multiply()
    {
        Tensor a = Expect.Of([1, 2, 3, 4], 2, 2);
        Expect.Equal([2, 2], [7, 10, 15, 22], a.MatMul(a));
        Expect.Equal([2], [5, 11], a.MatMul(Expect.Of([1, 2])));
        Expect.Equal([3, 2, 2], [7, 10, 15, 22, 7, 10, 15, 22, 7, 10, 15, 22], a.Expand(3, 2, 2).MatMul(a));
    }

    [Fact]
    public void Functions_of_each_element_agree_with_the_definition()
    {
        float[] x = [-2.5f, -1, -0.25f, 0, 0.3f, 1, 3];
        void Check(Func<Tensor, Tensor> function, Func<double, double> definition) =>
            Expect.Equal([7], [.. x.Select(v => (float)definition(v))], function(Expect.Of(x)), 1e-6, 1e-5);
        static double Sigmoid(double v) => 1 / (1 + Math.Exp(-v));
        Check(t => t.Exp(), Math.Exp);
        Check(t => t.Sin(), Math.Sin);
        Check(t => t.Cos(), Math.Cos);
        Check(t => t.Sigmoid(), Sigmoid);
        Check(t => t.LogSigmoid(), v => Math.Log(Sigmoid(v)));
        Check(t => t.Softplus(), v => Math.Log(1 + Math.Exp(v)));
        Check(t => t.Tanh(), Math.Tanh);
        Check(t => t.Relu(), v => Math.Max(v, 0));
        Check(t => t.Silu(), v => v * Sigmoid(v));
        Check(t => t.Gelu(), v => v / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))));
        Check(t => t.Abs(), Math.Abs);
        Check(t => t.Square(), v => v * v);
        Check(t => t.Pow(3), v => v * v * v);
        Check(t => t.Clamp(-1, 0.5), v => Math.Clamp(v, -1, 0.5));
        Check(t => t.Clamp(null, 0.5), v => Math.Min(v, 0.5));
        Check(t => t.Clamp(-1, null), v => Math.Max(v, -1));
        Check(t => (t.Abs() + 1).Log(), v => Math.Log(Math.Abs(v) + 1));
        Check(t => (t.Abs() + 1).Sqrt(), v => Math.Sqrt(Math.Abs(v) + 1));
        Check(t => (t.Abs() + 1).Rsqrt(), v => 1 / Math.Sqrt(Math.Abs(v) + 1));
    }

    [Fact]
    public void Comparisons_give_flags()
    {
        Tensor a = Expect.Of([1, 2, 3]), b = Expect.Of([3, 2, 1]);
        void Check(byte[] expected, Tensor actual)
        {
            Assert.Equal(ScalarType.Bool, actual.DType);
            Assert.Equal(expected, actual.ToByteArray());
        }

        Check([0, 0, 1], a.Gt(b));
        Check([1, 0, 0], a.Lt(b));
        Check([0, 1, 1], a.Ge(b));
        Check([1, 1, 0], a.Le(b));
        Check([0, 1, 0], a.Eq(b));
        Check([1, 0, 1], a.Ne(b));
        Check([0, 0, 1], a.Gt(2));
        Check([1, 0, 0], a.Lt(2));
        Check([0, 1, 1], a.Ge(2));
        Check([1, 1, 0], a.Le(2));
        Check([0, 1, 0], a.Eq(2));
        Check([1, 0, 1], a.Ne(2));
        Check([0, 1, 0], a.Ge(2).LogicalAnd(b.Ge(2)));
        Check([1, 1, 1], a.Ge(2).LogicalOr(b.Ge(2)));
        Check([1, 0, 0], a.Ge(2).LogicalNot());
    }

    [Fact]
    public void Choosing_between_tensors()
    {
        Tensor a = Expect.Of([1, 5, 3]), b = Expect.Of([4, 2, 6]);
        Expect.Equal([3], [1, 2, 3], Tensor.Minimum(a, b));
        Expect.Equal([3], [4, 5, 6], Tensor.Maximum(a, b));
        Expect.Equal([3], [4, 5, 6], Tensor.Where(a.Gt(b), a, b));
        Expect.Equal([3], [1, -9, 3], a.MaskedFill(a.Gt(b), -9));
    }

    [Fact]
    public void In_place_operations_change_the_tensor()
    {
        Tensor a = Expect.Of([1, 2]);
        a.AddInPlace(Expect.Of([10, 20]), 0.5);
        Expect.Equal([2], [6, 12], a);
        a.MulInPlace(2);
        Expect.Equal([2], [12, 24], a);
        a.CopyInPlace(Tensor.Arange(2));
        Expect.Equal([2], [0, 1], a);
        a.FillInPlace(3);
        Expect.Equal([2], [3, 3], a);
        Tensor clone = a.Clone();
        a.ZeroInPlace();
        Expect.Equal([2], [0, 0], a);
        Expect.Equal([2], [3, 3], clone);
    }
}
