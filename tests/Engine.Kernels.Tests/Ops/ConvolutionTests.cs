using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Convolution;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Ops;

public class ConvolutionTests
{
    /// <summary>Height, width, inputs, outputs, kernel, stride, padding: some larger than the image, some with transforms and some without.</summary>
    public static TheoryData<int, int, int, int, int, int, int> Shapes()
    {
        var data = new TheoryData<int, int, int, int, int, int, int>();
        foreach (var (height, width) in new[] { (1, 1), (2, 3), (5, 4), (8, 8), (9, 13), (17, 6) })
        {
            foreach (var (kernel, stride, padding) in new[] { (1, 1, 0), (1, 2, 0), (2, 1, 1), (3, 1, 1), (3, 1, 0), (3, 1, 2), (3, 2, 1), (4, 2, 1), (5, 3, 4) })
            {
                if (height + 2 * padding < kernel || width + 2 * padding < kernel) continue;
                foreach (var (inputs, outputs) in new[] { (1, 1), (3, 24), (7, 12), (9, 50), (16, 16), (19, 12), (24, 33), (40, 49) }) data.Add(height, width, inputs, outputs, kernel, stride, padding);
            }
        }

        data.Add(33, 30, 24, 24, 3, 1, 1);
        data.Add(8, 8, 130, 100, 3, 1, 1);
        data.Add(8, 8, 96, 130, 3, 1, 2);
        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Vector_variants_give_the_same_bits_and_are_near_the_reference(int height, int width, int inputs, int outputs, int kernel, int stride, int padding)
    {
        using PackedConvolution packed = Packed(inputs, outputs, kernel, stride, padding);
        int rows = packed.OutputSize(height), columns = packed.OutputSize(width), length = rows * columns * outputs;
        Guarded x = Guarded.Normal(height * width * inputs, 1);
        foreach (var (function, add) in new[] { (ActivationFunction.None, false), (ActivationFunction.Silu, false), (ActivationFunction.None, true) })
        {
            Guarded expected = Guarded.Normal(length, 3);
            Convolution.Run(KernelVariant.Reference, x.Span, height, width, packed, expected.Span, function, add, 0, rows);
            float[]? first = null;
            foreach (KernelVariant variant in Guarded.Variants.Where(v => v != KernelVariant.Reference))
            {
                Guarded y = Guarded.Normal(length, 3, 5);
                Convolution.Run(variant, x.Span, height, width, packed, y.Span, function, add, 0, rows);
                y.AssertIntact();

                // Transforms of four results at a time lose two or three bits more than the plain sum does.
                Guarded.Near(expected.Span, y.Span, 1e-5f, 5e-6f, $"{variant} {function}");
                first ??= y.Span.ToArray();
                Assert.Equal(first, y.Span.ToArray());
            }
        }
    }

    /// <summary>Without transforms and activations nothing is approximate: every variant does the same multiply-adds in the same order.</summary>
    [Theory]
    [InlineData(8, 9, 3, 24, 4, 2, 1)]
    [InlineData(5, 6, 20, 17, 1, 1, 0)]
    [InlineData(7, 5, 12, 50, 3, 1, 1)]
    public void Gathered_patches_give_the_bits_of_the_reference(int height, int width, int inputs, int outputs, int kernel, int stride, int padding)
    {
        using PackedConvolution packed = Packed(inputs, outputs, kernel, stride, padding);
        int rows = packed.OutputSize(height), length = rows * packed.OutputSize(width) * outputs;
        Guarded x = Guarded.Normal(height * width * inputs, 1);
        float[] expected = new float[length], y = new float[length];
        Convolution.Run(KernelVariant.Reference, x.Span, height, width, packed, expected, ActivationFunction.None, false, 0, rows);
        foreach (KernelVariant variant in Guarded.Variants)
        {
            Convolution.Run(variant, x.Span, height, width, packed, y, ActivationFunction.None, false, 0, rows);
            Assert.Equal(expected, y);
        }
    }

    [Theory]
    [InlineData(17, 9, 24, 20, 3, 1, 1)]
    [InlineData(11, 8, 130, 100, 3, 1, 1)]
    [InlineData(9, 12, 5, 20, 4, 2, 1)]
    [InlineData(6, 7, 5, 20, 1, 1, 0)]
    public void A_row_gives_the_same_bits_whichever_rows_are_computed_with_it(int height, int width, int inputs, int outputs, int kernel, int stride, int padding)
    {
        using PackedConvolution packed = Packed(inputs, outputs, kernel, stride, padding);
        int rows = packed.OutputSize(height), row = packed.OutputSize(width) * outputs;
        Guarded x = Guarded.Normal(height * width * inputs, 1);
        float[] whole = new float[rows * row];
        Convolution.Apply(x.Span, height, width, packed, whole, ActivationFunction.Silu);
        for (int first = 0; first < rows; first++)
        {
            foreach (int last in new[] { first + 1, Math.Min(rows, first + 3), rows })
            {
                float[] part = new float[rows * row];
                Convolution.ApplyRows(x.Span, height, width, packed, part, ActivationFunction.Silu, first, last);
                Assert.Equal(whole[(first * row)..(last * row)], part[(first * row)..(last * row)]);
                Assert.True(part.AsSpan(0, first * row).IndexOfAnyExcept(0f) < 0 && part.AsSpan(last * row).IndexOfAnyExcept(0f) < 0);
            }
        }
    }

    /// <summary>Written out from the state dict's own layout, in double.</summary>
    [Theory]
    [InlineData(6, 7, 5, 9, 4, 2, 1)]
    [InlineData(6, 7, 20, 9, 3, 1, 1)]
    [InlineData(8, 8, 130, 100, 3, 1, 1)]
    public void The_result_is_right(int height, int width, int inputs, int outputs, int kernel, int stride, int padding)
    {
        float[] weight = Guarded.Normal(outputs * inputs * kernel * kernel, 20).Span.ToArray(), bias = Guarded.Normal(outputs, 21).Span.ToArray(), x = Guarded.Normal(height * width * inputs, 1).Span.ToArray();
        using var packed = new PackedConvolution(weight, bias, inputs, outputs, kernel, stride, padding);
        int rows = packed.OutputSize(height), columns = packed.OutputSize(width);
        var y = new float[rows * columns * outputs];
        Convolution.Apply(x, height, width, packed, y);
        for (int at = 0; at < y.Length; at++)
        {
            int output = at % outputs, column = at / outputs % columns, row = at / outputs / columns;
            double sum = bias[output];
            for (int tap = 0; tap < kernel * kernel; tap++)
            {
                int r = row * stride - padding + tap / kernel, c = column * stride - padding + tap % kernel;
                if (r < 0 || r >= height || c < 0 || c >= width) continue;
                for (int i = 0; i < inputs; i++) sum += (double)x[(r * width + c) * inputs + i] * weight[(output * inputs + i) * kernel * kernel + tap];
            }

            Assert.Equal(sum, y[at], 1e-4);
        }
    }

    [Fact]
    public void Nothing_is_allocated_once_a_thread_has_its_room()
    {
        using PackedConvolution transformed = Packed(24, 24, 3, 1, 1), gathered = Packed(24, 24, 4, 2, 1);
        float[] x = new float[16 * 16 * 24], y = new float[x.Length];
        Convolution.Apply(x, 16, 16, transformed, y);
        Convolution.Apply(x, 16, 16, gathered, y);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Convolution.Apply(x, 16, 16, transformed, y);
        Convolution.Apply(x, 16, 16, gathered, y);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Wrong_lengths_are_named()
    {
        using PackedConvolution packed = Packed(2, 3, 3, 1, 0);
        float[] x = new float[4 * 5 * 2], y = new float[2 * 3 * 3];
        Assert.Contains("4 × 5 × 2", Assert.Throws<ArgumentException>(() => Convolution.Apply(x.AsSpan(1), 4, 5, packed, y)).Message, StringComparison.Ordinal);
        Assert.Contains("2 × 3 × 3", Assert.Throws<ArgumentException>(() => Convolution.Apply(x, 4, 5, packed, y.AsSpan(1))).Message, StringComparison.Ordinal);
        Assert.Contains("smaller than the kernel", Assert.Throws<ArgumentException>(() => Convolution.Apply(x, 2, 5, packed, y)).Message, StringComparison.Ordinal);
        Assert.Contains("0…2", Assert.Throws<ArgumentException>(() => Convolution.ApplyRows(x, 4, 5, packed, y, ActivationFunction.None, 1, 3)).Message, StringComparison.Ordinal);
        Assert.Contains("overlap", Assert.Throws<ArgumentException>(() => Convolution.Apply(x, 4, 5, packed, x.AsSpan(20, 18))).Message, StringComparison.Ordinal);
        Assert.Contains("3 × 2 × 3 × 3", Assert.Throws<ArgumentException>(() => new PackedConvolution(new float[53], [], 2, 3, 3)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new PackedConvolution(new float[54], [], 2, 3, 3, 1, 3));
    }

    private static PackedConvolution Packed(int inputs, int outputs, int kernel, int stride, int padding)
    {
        // Weights of a network: results are about one.
        float[] weight = Guarded.Normal(outputs * inputs * kernel * kernel, 20).Span.ToArray();
        float scale = 1 / MathF.Sqrt(inputs * kernel * kernel);
        return new PackedConvolution(Array.ConvertAll(weight, w => w * scale), Guarded.Normal(outputs, 21).Span, inputs, outputs, kernel, stride, padding);
    }
}
