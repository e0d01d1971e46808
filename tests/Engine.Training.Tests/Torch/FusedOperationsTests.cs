using Engine.Training.Torch;

namespace Engine.Training.Tests.Torch;

/// <summary>The fused operations against the same mathematics from libtorch's operations, values and gradients.</summary>
public sealed class FusedOperationsTests
{
    /// <summary>rotated[c] = x[c]·cos[c] + x[c xor 1]·sin[c].</summary>
    private static Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        long[] shape = x.Shape;
        long[] pairs = [.. shape[..^1], shape[^1] / 2, 2];
        return x * cos + x.Reshape(pairs).Flip(-1).Reshape(shape) * sin;
    }

    private static Tensor Reference(Tensor qkv, Tensor cos, Tensor sin, Tensor? mask, bool temporal)
    {
        // [B, T, N, 3, heads, width] → three of [B, outer, heads, L, width].
        Tensor grouped = temporal ? qkv.Permute(3, 0, 2, 4, 1, 5) : qkv.Permute(3, 0, 1, 4, 2, 5);
        Tensor q = Rotate(grouped.Select(0, 0), cos, sin), k = Rotate(grouped.Select(0, 1), cos, sin), v = grouped.Select(0, 2);
        Tensor scores = q.MatMul(k.Transpose(-2, -1)) / Math.Sqrt(qkv.Size(5));
        if (mask is not null) scores = scores + mask;
        Tensor output = scores.Softmax(-1).MatMul(v);
        output = temporal ? output.Permute(0, 3, 1, 2, 4) : output.Permute(0, 1, 3, 2, 4);
        return output.Reshape(qkv.Size(0), qkv.Size(1), qkv.Size(2), -1);
    }

    public static TheoryData<int, int, int, int, bool, bool> Sizes()
    {
        var sizes = new TheoryData<int, int, int, int, bool, bool>();
        foreach (bool temporal in new[] { false, true })
        {
            foreach (bool masked in new[] { false, true })
            {
                foreach (int length in new[] { 1, 2, 5, 15, 16, 17, 33 })
                {
                    // Heads of 32 numbers with up to 16 tokens have a path of their own.
                    foreach (int width in new[] { 4, 16, 32, 64 }) sizes.Add(length, 3, 2, width, temporal, masked);
                }
            }
        }

        return sizes;
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Small_attention_is_attention(int length, int others, int heads, int width, bool temporal, bool masked)
    {
        using var scope = new TensorScope();
        var init = new WeightInitialiser((ulong)(length * 1000 + width));
        (long t, long n) = temporal ? (length, others) : (others, length);
        Tensor values = init.Normal(1.5, 2, t, n, 3, heads, width), cotangent = init.Normal(1, 2, t, n, heads * width);
        Tensor angle = init.Normal(2, length, width / 2, 1).Expand(-1, -1, 2).Reshape(length, width);
        Tensor sign = Tensor.FromSpan([-1f, 1f], 1, 1, 2).Expand(length, width / 2, 2).Reshape(length, width);
        Tensor cos = angle.Cos(), sin = angle.Sin() * sign;
        Tensor? mask = masked ? Tensor.Zeros(length, length).MaskedFill(Tensor.Ones(length, length).Triu(1).Gt(0), double.NegativeInfinity) : null;

        (Tensor Output, Tensor Gradient) Run(Func<Tensor, Tensor> function)
        {
            Tensor qkv = values.Clone();
            qkv.RequiresGrad = true;
            Tensor output = function(qkv);
            output.Backward(cotangent);
            return (output.Detach(), qkv.Grad!);
        }

        var (expected, expectedGradient) = Run(qkv => Reference(qkv, cos, sin, mask, temporal));
        var (output, gradient) = Run(qkv => FusedOperations.SmallAttention(qkv, cos, sin, mask, temporal));
        Assert.Equal(expected.Shape, output.Shape);
        Expect.Near(expected.ToArray(), output.ToArray(), 5e-6, 5e-6);
        Expect.Near(expectedGradient.ToArray(), gradient.ToArray(), 1e-5, 1e-5);
    }

    [Fact]
    public void Fast_gelu_is_gelu()
    {
        using var scope = new TensorScope();
        foreach (int count in Enumerable.Range(0, 70).Append(40_001))
        {
            float[] x = [.. Enumerable.Range(0, count).Select(i => (float)(20 * Math.Sin(i * 0.7 + 1)))];
            Tensor exact = Expect.Of(x, count).To(ScalarType.Float64), fused = Expect.Of(x, count), cotangent = new WeightInitialiser(1).Normal(1, count);
            exact.RequiresGrad = fused.RequiresGrad = true;
            Tensor expected = exact.Gelu(), actual = FusedOperations.FastGelu(fused);
            expected.Backward(cotangent.To(ScalarType.Float64));
            actual.Backward(cotangent);
            Expect.Near(expected.ToArray(), actual.ToArray(), 1e-7, 2e-6);
            Expect.Near(exact.Grad!.ToArray(), fused.Grad!.ToArray(), 5e-7, 2e-6);
        }
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        using var scope = new TensorScope();
        Tensor table = Tensor.Ones(3, 4), qkv = Tensor.Ones(1, 2, 3, 3, 1, 4);
        Assert.Equal([1, 2, 3, 4], FusedOperations.SmallAttention(qkv, table, table, null, false).Shape);
        Assert.Throws<TorchException>(() => FusedOperations.SmallAttention(qkv, table, table, null, true));
        Assert.Throws<TorchException>(() => FusedOperations.SmallAttention(Tensor.Ones(2, 3), table, table, null, false));
        Assert.Throws<TorchException>(() => FusedOperations.SmallAttention(qkv, table, table, Tensor.Zeros(2, 2), false));
        Assert.Throws<TorchException>(() => FusedOperations.FastGelu(Tensor.Arange(3)));
    }
}
