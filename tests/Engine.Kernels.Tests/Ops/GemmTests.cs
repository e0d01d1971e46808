using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Ops;

public class GemmTests
{
    public static TheoryData<int, int, int> Shapes()
    {
        var data = new TheoryData<int, int, int>();
        foreach (int rows in new[] { 0, 1, 2, 7, 8, 9, 16, 33 })
        {
            foreach (int inputs in new[] { 1, 3, 10, 64, 257 })
            {
                foreach (int outputs in new[] { 1, 15, 16, 17, 48, 49, 80, 97, 128, 257 }) data.Add(rows, inputs, outputs);
            }
        }

        data.Add(700, 128, 64);
        return data;
    }

    /// <summary>Not merely near: every variant does the same multiply-adds in the same order.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void All_variants_give_the_same_bits(int rows, int inputs, int outputs)
    {
        Guarded x = Guarded.Normal(rows * inputs, 1), gates = Guarded.Normal(3 * (outputs + 5) + outputs, 2);
        using PackedLinear linear = Linear(inputs, outputs, bias: true);
        Guarded plain = new(rows * outputs), gated = Guarded.Normal(rows * outputs, 3);
        Gemm.Multiply(KernelVariant.Reference, x.Span, rows, linear, plain.Span, ActivationFunction.None, 0, linear.Panels);
        int group = Math.Max(1, (rows + 2 + 3) / 4);
        Gemm.MultiplyGated(KernelVariant.Reference, x.Span, rows, linear, gates.Span, outputs + 5, group, 2, gated.Span);
        foreach (KernelVariant variant in Guarded.Variants)
        {
            Guarded y = new(rows * outputs, 5);
            Gemm.Multiply(variant, x.Span, rows, linear, y.Span, ActivationFunction.None, 0, linear.Panels);
            Assert.Equal(plain.Span.ToArray(), y.Span.ToArray());
            y.AssertIntact();

            y = Guarded.Normal(rows * outputs, 3, 5);
            Gemm.MultiplyGated(variant, x.Span, rows, linear, gates.Span, outputs + 5, group, 2, y.Span);
            Assert.Equal(gated.Span.ToArray(), y.Span.ToArray());
            y.AssertIntact();

            foreach (ActivationFunction function in new[] { ActivationFunction.GeluTanh, ActivationFunction.Silu })
            {
                Guarded fused = new(rows * outputs, 2), apart = new(rows * outputs, 4);
                Gemm.Multiply(variant, x.Span, rows, linear, fused.Span, function, 0, linear.Panels);
                Activation.Apply(variant, function, plain.Span, apart.Span);
                Assert.Equal(apart.Span.ToArray(), fused.Span.ToArray());
                fused.AssertIntact();
            }
        }
    }

    /// <summary>Factors rounded to bfloat16, sums in float32: as near as the order of adding allows.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Bfloat16_products_are_those_of_rounded_factors(int rows, int inputs, int outputs)
    {
        Assert.SkipUnless(Gemm.HasBfloat16, "this processor has no AVX-512 BF16");
        Guarded x = Guarded.Normal(rows * inputs, 1), gates = Guarded.Normal(3 * (outputs + 5) + outputs, 2);
        float[] weight = Guarded.Normal(outputs * inputs, 7).Span.ToArray(), bias = Guarded.Normal(outputs, 8).Span.ToArray();
        using var half = new PackedLinear(weight, bias, inputs, outputs, GemmPrecision.BFloat16);
        using var rounded = new PackedLinear(Array.ConvertAll(weight, Round), bias, inputs, outputs);
        float[] roundedX = Array.ConvertAll(x.Span.ToArray(), Round);
        foreach (var function in new[] { ActivationFunction.None, ActivationFunction.GeluTanh })
        {
            Guarded expected = new(rows * outputs), y = new(rows * outputs, 5);
            Gemm.Multiply(roundedX, rows, rounded, expected.Span, function);
            Gemm.Multiply(x.Span, rows, half, y.Span, function);
            Near(expected.Span, y.Span);
            y.AssertIntact();
        }

        int group = Math.Max(1, (rows + 2 + 3) / 4);
        Guarded wanted = Guarded.Normal(rows * outputs, 3), gated = Guarded.Normal(rows * outputs, 3, 5);
        Gemm.MultiplyGated(roundedX, rows, rounded, gates.Span, outputs + 5, group, 2, wanted.Span);
        Gemm.MultiplyGated(x.Span, rows, half, gates.Span, outputs + 5, group, 2, gated.Span);
        Near(wanted.Span, gated.Span);
        gated.AssertIntact();

        void Near(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
        {
            for (int i = 0; i < expected.Length; i++) Assert.InRange(Math.Abs(expected[i] - actual[i]), 0, 2e-5f * (1 + MathF.Sqrt(inputs)));
        }

        static float Round(float value)
        {
            uint bits = BitConverter.SingleToUInt32Bits(value);
            return BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
        }
    }

    [Fact]
    public void A_bfloat16_row_gives_the_same_bits_in_every_batch()
    {
        Assert.SkipUnless(Gemm.HasBfloat16, "this processor has no AVX-512 BF16");
        const int Inputs = 130, Outputs = 100, Rows = 37;
        Guarded x = Guarded.Normal(Rows * Inputs, 1);
        using var linear = new PackedLinear(Guarded.Normal(Outputs * Inputs, 7).Span, [], Inputs, Outputs, GemmPrecision.BFloat16);
        float[] whole = new float[Rows * Outputs], one = new float[Outputs];
        Gemm.Multiply(x.Span, Rows, linear, whole);
        for (int row = 0; row < Rows; row++)
        {
            Gemm.Multiply(x.Span.Slice(row * Inputs, Inputs), 1, linear, one);
            Assert.Equal(whole.AsSpan(row * Outputs, Outputs).ToArray(), one);
        }
    }

    [Fact]
    public void The_product_is_right()
    {
        const int Rows = 5, Inputs = 33, Outputs = 70;
        float[] weight = Guarded.Normal(Inputs * Outputs, 10).Span.ToArray(), bias = Guarded.Normal(Outputs, 11).Span.ToArray(), x = Guarded.Normal(Rows * Inputs, 12).Span.ToArray();
        using var linear = new PackedLinear(weight, bias, Inputs, Outputs);
        var y = new float[Rows * Outputs];
        Gemm.Multiply(x, Rows, linear, y);
        for (int row = 0; row < Rows; row++)
        {
            for (int column = 0; column < Outputs; column++)
            {
                double sum = bias[column];
                for (int i = 0; i < Inputs; i++) sum += (double)x[row * Inputs + i] * weight[column * Inputs + i];
                Assert.Equal(sum, y[row * Outputs + column], 2e-5);
            }
        }
    }

    [Fact]
    public void A_row_gives_the_same_bits_in_every_batch()
    {
        const int Rows = 37, Inputs = 64, Outputs = 130;
        Guarded x = Guarded.Normal(Rows * Inputs, 1);
        using PackedLinear linear = Linear(Inputs, Outputs, bias: false);
        foreach (KernelVariant variant in Guarded.Variants)
        {
            var all = new float[Rows * Outputs];
            Gemm.Multiply(variant, x.Span, Rows, linear, all, ActivationFunction.GeluTanh, 0, linear.Panels);
            for (int first = 0; first < Rows; first++)
            {
                var one = new float[Outputs];
                Gemm.Multiply(variant, x.Span.Slice(first * Inputs, Inputs), 1, linear, one, ActivationFunction.GeluTanh, 0, linear.Panels);
                Assert.Equal(all[(first * Outputs)..((first + 1) * Outputs)], one);
            }
        }
    }

    [Fact]
    public void Panels_can_be_shared_out()
    {
        const int Rows = 11, Inputs = 20, Outputs = 200;
        Guarded x = Guarded.Normal(Rows * Inputs, 1);
        using PackedLinear linear = Linear(Inputs, Outputs, bias: true);
        float[] whole = new float[Rows * Outputs], parts = new float[Rows * Outputs];
        Gemm.Multiply(x.Span, Rows, linear, whole, ActivationFunction.Silu);
        for (int panel = 0; panel < linear.Panels; panel++) Gemm.MultiplyPanels(x.Span, Rows, linear, parts, ActivationFunction.Silu, panel, panel + 1);
        Assert.Equal(whole, parts);
    }

    [Fact]
    public void Wrong_lengths_are_named()
    {
        using PackedLinear linear = Linear(4, 6, bias: true);
        float[] x = new float[8], y = new float[12];
        Assert.Contains("2 × 4", Assert.Throws<ArgumentException>(() => Gemm.Multiply(x.AsSpan(1), 2, linear, y)).Message, StringComparison.Ordinal);
        Assert.Contains("2 × 6", Assert.Throws<ArgumentException>(() => Gemm.Multiply(x, 2, linear, y.AsSpan(1))).Message, StringComparison.Ordinal);
        Assert.Contains("overlap", Assert.Throws<ArgumentException>(() => Gemm.Multiply(y.AsSpan(0, 8), 2, linear, y)).Message, StringComparison.Ordinal);
        Assert.Contains("gates", Assert.Throws<ArgumentException>(() => Gemm.MultiplyGated(x, 2, linear, x, 6, 1, 0, y)).Message, StringComparison.Ordinal);
        Assert.Contains("panels", Assert.Throws<ArgumentException>(() => Gemm.MultiplyPanels(x, 2, linear, y, ActivationFunction.None, 0, 2)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new PackedLinear(new float[23], [], 4, 6));
        Assert.Throws<ArgumentException>(() => new PackedLinear(new float[24], new float[5], 4, 6));
    }

    private static PackedLinear Linear(int inputs, int outputs, bool bias) =>
        new(Guarded.Normal(inputs * outputs, 20).Span, bias ? Guarded.Normal(outputs, 21).Span : default, inputs, outputs);
}
