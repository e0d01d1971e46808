using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Ops;

public class ActivationTests
{
    [Fact]
    public void All_variants_agree_at_all_lengths()
    {
        foreach (ActivationFunction function in Enum.GetValues<ActivationFunction>())
        {
            for (int length = 0; length <= 257; length++)
            {
                Guarded x = Guarded.Normal(length, (uint)length), expected = new(length);
                Activation.Apply(KernelVariant.Reference, function, x.Span, expected.Span);
                foreach (KernelVariant variant in Guarded.Variants)
                {
                    Guarded y = new(length, 3), same = x.Copy();
                    Activation.Apply(variant, function, x.Span, y.Span);
                    Activation.Apply(variant, function, same.Span, same.Span);
                    Guarded.Near(expected.Span, y.Span, 2e-7f, 4e-7f, $"{function} {variant}");
                    Assert.Equal(y.Span.ToArray(), same.Span.ToArray());
                    y.AssertIntact();
                    same.AssertIntact();
                }
            }
        }
    }

    /// <summary>The errors that the documentation states, over a fine sweep of arguments.</summary>
    [Theory]
    [InlineData(ActivationFunction.Exp, -86, 88.37, 2, 0)]
    [InlineData(ActivationFunction.Tanh, -12, 12, 3, 0)]
    [InlineData(ActivationFunction.Silu, -60, 60, 4, 1e-7)]
    [InlineData(ActivationFunction.GeluTanh, -12, 12, 4, 1e-7)]
    public void Errors_are_as_documented(ActivationFunction function, double low, double high, double ulps, double absolute)
    {
        const int Count = 1 << 20;
        float[] x = [.. Enumerable.Range(0, Count).Select(i => (float)(low + (high - low) * i / (Count - 1))), .. Enumerable.Range(-30, 31).Select(i => MathF.ScaleB(1, i))];
        foreach (KernelVariant variant in Guarded.Variants)
        {
            var y = new float[x.Length];
            Activation.Apply(variant, function, x, y);
            for (int i = 0; i < x.Length; i++)
            {
                double exact = Exact(function, x[i]);
                double allowed = ulps * (MathF.BitIncrement(MathF.Abs((float)exact)) - MathF.Abs((float)exact)) + absolute;
                if (!(Math.Abs(y[i] - exact) <= allowed)) Assert.Fail($"{variant} {function}({x[i]:R}) = {y[i]:R}, exactly {exact:R}");
            }
        }
    }

    [Fact]
    public void Register_widths_give_the_same_bits_wherever_an_element_stands()
    {
        Guarded x = Guarded.Normal(257, 1);
        foreach (ActivationFunction function in Enum.GetValues<ActivationFunction>())
        {
            float[][] results = [.. Guarded.Variants.Where(variant => variant != KernelVariant.Reference).Select(variant =>
            {
                var y = new float[257];
                Activation.Apply(variant, function, x.Span, y);
                var one = new float[1];
                Activation.Apply(variant, function, x.Span.Slice(100, 1), one);
                Assert.Equal(y[100], one[0]);
                return y;
            })];
            Assert.All(results, result => Assert.Equal(results[0], result));
        }
    }

    [Fact]
    public void Extreme_arguments_saturate()
    {
        foreach (KernelVariant variant in Guarded.Variants)
        {
            float[] x = [float.NegativeInfinity, -1e30f, 1e30f, float.PositiveInfinity];
            var y = new float[4];
            Activation.Apply(variant, ActivationFunction.Tanh, x, y);
            Assert.Equal([-1, -1, 1, 1], y);
            Activation.Apply(variant, ActivationFunction.Exp, x, y);
            Assert.All(y, value => Assert.True(float.IsFinite(value) && value > 0));
            Activation.Apply(variant, ActivationFunction.Silu, [-200, 200], y.AsSpan(0, 2));
            Assert.Equal(0, y[0], 1e-30f);
            Assert.Equal(200, y[1], 1e-4f);
        }
    }

    [Fact]
    public void Different_lengths_are_refused() =>
        Assert.Throws<ArgumentException>(() => Activation.Apply(ActivationFunction.Exp, new float[3], new float[4]));

    private static double Exact(ActivationFunction function, double x) => function switch
    {
        ActivationFunction.Exp => Math.Exp(x),
        ActivationFunction.Tanh => Math.Tanh(x),
        ActivationFunction.Silu => x / (1 + Math.Exp(-x)),
        _ => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
    };
}
