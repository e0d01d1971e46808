using Engine.Runtime.Onnx;
using static Engine.Runtime.Tests.Onnx.OnnxEvaluation;

namespace Engine.Runtime.Tests.Onnx;

/// <summary>Every operator of the builder, run by ONNX Runtime, against the plain computation.</summary>
public sealed class OnnxOperatorTests
{
    public static TheoryData<string> Binary => ["add", "sub", "mul", "div", "max", "min"];

    public static TheoryData<string> Unary =>
        ["neg", "exp", "sin", "cos", "tanh", "relu", "sigmoid", "silu", "gelu", "gelu_tanh", "clip", "sqrt", "log", "add", "sub", "mul", "div"];

    [Theory]
    [MemberData(nameof(Binary))]
    public void Binary_operators_broadcast(string name)
    {
        var a = Numbers(1, 2, 3, 4);
        var b = Numbers(2, 3, 1);
        var (shape, actual) = Evaluate<float>(3, (g, x) => name switch
        {
            "add" => g.Add(x[0], x[1]),
            "sub" => g.Sub(x[0], x[1]),
            "mul" => g.Mul(x[0], x[1]),
            "div" => g.Div(x[0], x[1]),
            "max" => g.Max(x[0], x[1]),
            _ => g.Min(x[0], x[1]),
        }, a, b);
        float[] expected = new float[24];
        for (int i = 0; i < 24; i++)
        {
            float left = a.Values[i], right = b.Values[i / 4 % 3];
            expected[i] = name switch
            {
                "add" => left + right,
                "sub" => left - right,
                "mul" => left * right,
                "div" => left / right,
                "max" => MathF.Max(left, right),
                _ => MathF.Min(left, right),
            };
        }

        Assert.Equal([2, 3, 4], shape);
        Close(expected, actual);
    }

    [Theory]
    [MemberData(nameof(Unary))]
    public void Unary_operators(string name)
    {
        var x = Numbers(3, 37);
        if (name is "sqrt" or "log") x.Values = Array.ConvertAll(x.Values, v => MathF.Abs(v) + 0.01f);
        var (_, actual) = Evaluate<float>(1, (g, v) => name switch
        {
            "neg" => g.Neg(v[0]),
            "exp" => g.Exp(v[0]),
            "sin" => g.Sin(v[0]),
            "cos" => g.Cos(v[0]),
            "tanh" => g.Tanh(v[0]),
            "relu" => g.Relu(v[0]),
            "sigmoid" => g.Sigmoid(v[0]),
            "silu" => g.Silu(v[0]),
            "gelu" => g.Gelu(v[0]),
            "gelu_tanh" => g.Gelu(v[0], tanh: true),
            "clip" => g.Clip(v[0], -0.5f, 1.25f),
            "sqrt" => g.Sqrt(v[0]),
            "log" => g.Log(v[0]),
            "add" => g.Add(v[0], 1.5f),
            "sub" => g.Sub(v[0], 1.5f),
            "mul" => g.Mul(v[0], 1.5f),
            _ => g.Div(v[0], 1.5f),
        }, x);
        Close(Array.ConvertAll(x.Values, v => name switch
        {
            "neg" => -v,
            "exp" => MathF.Exp(v),
            "sin" => MathF.Sin(v),
            "cos" => MathF.Cos(v),
            "tanh" => MathF.Tanh(v),
            "relu" => MathF.Max(v, 0),
            "sigmoid" => 1 / (1 + MathF.Exp(-v)),
            "silu" => v / (1 + MathF.Exp(-v)),
            "gelu" => (float)(0.5 * v * (1 + ErrorFunction(v / Math.Sqrt(2)))),
            "gelu_tanh" => 0.5f * v * (1 + MathF.Tanh(MathF.Sqrt(2 / MathF.PI) * (v + 0.044715f * v * v * v))),
            "clip" => Math.Clamp(v, -0.5f, 1.25f),
            "sqrt" => MathF.Sqrt(v),
            "log" => MathF.Log(v),
            "add" => v + 1.5f,
            "sub" => v - 1.5f,
            "mul" => v * 1.5f,
            _ => v / 1.5f,
        }), actual);
    }

    [Fact]
    public void MatMul_is_batched_and_gemm_transposes()
    {
        var a = Numbers(4, 2, 3, 5);
        var b = Numbers(5, 5, 4);
        var (shape, actual) = Evaluate<float>(3, (g, x) => g.MatMul(x[0], x[1]), a, b);
        Assert.Equal([2, 3, 4], shape);
        Close(Product(a.Values, b.Values, 6, 5, 4), actual);

        var left = Numbers(6, 5, 3);
        var right = Numbers(7, 4, 5);
        var c = Numbers(8, 4);
        float[] leftT = Transposed(left.Values, 5, 3), rightT = Transposed(right.Values, 4, 5);
        float[] expected = Product(leftT, rightT, 3, 5, 4);
        for (int i = 0; i < expected.Length; i++) expected[i] += c.Values[i % 4];
        (shape, actual) = Evaluate<float>(2, (g, x) => g.Gemm(x[0], x[1], x[2], transposeA: true, transposeB: true), left, right, c);
        Assert.Equal([3, 4], shape);
        Close(expected, actual);
        Close(Product(leftT, rightT, 3, 5, 4), Evaluate<float>(2, (g, x) => g.Gemm(x[0], x[1], null, true, true), left, right).Values);
    }

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(1, 1, 1)]
    [InlineData(2, 1, 1)]
    [InlineData(2, 0, 2)]
    public void Convolution(int stride, int pad, int groups)
    {
        const int n = 2, channels = 4, h = 7, w = 6, o = 6, k = 3;
        var x = Numbers(9, n, channels, h, w);
        var kernel = Numbers(10, o, channels / groups, k, k);
        var bias = Numbers(11, o);
        int outH = (h + 2 * pad - k) / stride + 1, outW = (w + 2 * pad - k) / stride + 1;
        float[] expected = new float[n * o * outH * outW];
        for (int i = 0; i < expected.Length; i++)
        {
            int col = i % outW, row = i / outW % outH, channel = i / outW / outH % o, image = i / outW / outH / o;
            float sum = bias.Values[channel];
            for (int c = 0; c < channels / groups; c++)
            {
                int source = channel / (o / groups) * (channels / groups) + c;
                for (int r = 0; r < k; r++)
                {
                    for (int s = 0; s < k; s++)
                    {
                        int y = row * stride + r - pad, z = col * stride + s - pad;
                        if (y < 0 || y >= h || z < 0 || z >= w) continue;
                        sum += x.Values[((image * channels + source) * h + y) * w + z] * kernel.Values[((channel * (channels / groups) + c) * k + r) * k + s];
                    }
                }
            }

            expected[i] = sum;
        }

        var (shape, actual) = Evaluate<float>(4, (g, v) => g.Conv(v[0], v[1], v[2], stride, pad, groups), x, kernel, bias);
        Assert.Equal([n, o, outH, outW], shape);
        Close(expected, actual);
    }

    [Fact]
    public void Pooling_and_upsampling()
    {
        var x = Numbers(12, 2, 3, 4, 6);
        float At(int image, int channel, int row, int col) => x.Values[((image * 3 + channel) * 4 + row) * 6 + col];
        float[] means = new float[6], averages = new float[36], maxima = new float[36], large = new float[2 * 3 * 8 * 12];
        for (int p = 0; p < 6; p++)
        {
            for (int i = 0; i < 24; i++) means[p] += x.Values[p * 24 + i] / 24;
            for (int r = 0; r < 2; r++)
            {
                for (int c = 0; c < 3; c++)
                {
                    float[] four = [At(p / 3, p % 3, 2 * r, 2 * c), At(p / 3, p % 3, 2 * r, 2 * c + 1), At(p / 3, p % 3, 2 * r + 1, 2 * c), At(p / 3, p % 3, 2 * r + 1, 2 * c + 1)];
                    averages[(p * 2 + r) * 3 + c] = four.Average();
                    maxima[(p * 2 + r) * 3 + c] = four.Max();
                }
            }

            for (int r = 0; r < 8; r++)
                for (int c = 0; c < 12; c++) large[(p * 8 + r) * 12 + c] = At(p / 3, p % 3, r / 2, c / 2);
        }

        Close(means, Evaluate<float>(4, (g, v) => g.GlobalAveragePool(v[0]), x).Values);
        Close(averages, Evaluate<float>(4, (g, v) => g.AveragePool(v[0], 2, 2), x).Values);
        Close(maxima, Evaluate<float>(4, (g, v) => g.MaxPool(v[0], 2, 2), x).Values);
        Close(large, Evaluate<float>(4, (g, v) => g.UpsampleNearest(v[0], 2), x).Values);
    }

    [Fact]
    public void Group_norm_and_layer_norm()
    {
        const int channels = 6, groups = 3, pixels = 20;
        var x = Numbers(13, 2, channels, 4, 5);
        var scale = Numbers(14, channels);
        var bias = Numbers(15, channels);
        float[] expected = new float[x.Values.Length];
        for (int block = 0; block < 2 * groups; block++)
            Normalise(x.Values, expected, block * 2 * pixels, 2 * pixels, 1e-3f);
        for (int i = 0; i < expected.Length; i++) expected[i] = expected[i] * scale.Values[i / pixels % channels] + bias.Values[i / pixels % channels];
        var (shape, actual) = Evaluate<float>(4, (g, v) => g.GroupNorm(v[0], v[1], v[2], groups, 1e-3f), x, scale, bias);
        Assert.Equal([2, channels, 4, 5], shape);
        Close(expected, actual);

        var rows = Numbers(16, 3, 4, channels);
        expected = new float[rows.Values.Length];
        for (int row = 0; row < 12; row++) Normalise(rows.Values, expected, row * channels, channels, 1e-6f);
        Close(expected, Evaluate<float>(3, (g, v) => g.LayerNorm(v[0], channels, 1e-6f), rows).Values);
        for (int i = 0; i < expected.Length; i++) expected[i] = expected[i] * scale.Values[i % channels] + bias.Values[i % channels];
        Close(expected, Evaluate<float>(3, (g, v) => g.LayerNorm(v[0], v[1], v[2], 1e-6f), rows, scale, bias).Values);
    }

    [Fact]
    public void Softmax_sums_and_reductions()
    {
        var x = Numbers(17, 3, 5);
        float[] softmax = new float[15], logs = new float[15], cumulative = new float[15], sums = new float[3], means = new float[5], maxima = new float[3];
        long[] arguments = new long[3];
        for (int r = 0; r < 3; r++)
        {
            float total = 0;
            for (int c = 0; c < 5; c++) total += MathF.Exp(x.Values[r * 5 + c]);
            maxima[r] = float.MinValue;
            for (int c = 0; c < 5; c++)
            {
                float value = x.Values[r * 5 + c];
                softmax[r * 5 + c] = MathF.Exp(value) / total;
                logs[r * 5 + c] = value - MathF.Log(total);
                sums[r] += value;
                cumulative[r * 5 + c] = sums[r];
                means[c] += value / 3;
                if (value > maxima[r]) (maxima[r], arguments[r]) = (value, c);
            }
        }

        Close(softmax, Evaluate<float>(2, (g, v) => g.Softmax(v[0]), x).Values);
        Close(logs, Evaluate<float>(2, (g, v) => g.LogSoftmax(v[0]), x).Values);
        Close(cumulative, Evaluate<float>(2, (g, v) => g.CumSum(v[0], 1), x).Values);
        Close(sums, Evaluate<float>(1, (g, v) => g.ReduceSum(v[0], false, 1), x).Values);
        Assert.Equal([1, 5], Evaluate<float>(2, (g, v) => g.ReduceMean(v[0], true, 0), x).Shape);
        Close(means, Evaluate<float>(2, (g, v) => g.ReduceMean(v[0], true, 0), x).Values);
        Close(maxima, Evaluate<float>(1, (g, v) => g.ReduceMax(v[0], false, 1), x).Values);
        Assert.Equal(arguments, Evaluate<long>(1, (g, v) => g.ArgMax(v[0]), x).Values);
    }

    [Fact]
    public void Comparisons_and_choices()
    {
        (float[], long[]) a = ([1, 2, 3, 4], [4]), b = ([4, 2, 1, 5], [4]);
        Assert.Equal([false, true, false, false], Evaluate<bool>(1, (g, v) => g.Equal(v[0], v[1]), a, b).Values);
        Assert.Equal([true, false, false, true], Evaluate<bool>(1, (g, v) => g.Less(v[0], v[1]), a, b).Values);
        Assert.Equal([true, true, false, true], Evaluate<bool>(1, (g, v) => g.LessOrEqual(v[0], v[1]), a, b).Values);
        Assert.Equal([false, false, true, false], Evaluate<bool>(1, (g, v) => g.Greater(v[0], v[1]), a, b).Values);
        Assert.Equal([true, false, true, true], Evaluate<bool>(1, (g, v) => g.Not(g.Equal(v[0], v[1])), a, b).Values);
        Assert.Equal([false, false, false, false], Evaluate<bool>(1, (g, v) => g.And(g.Less(v[0], v[1]), g.Greater(v[0], v[1])), a, b).Values);
        Assert.Equal([1f, 2, 1, 4], Evaluate<float>(1, (g, v) => g.Where(g.Less(v[0], v[1]), v[0], v[1]), a, b).Values);
        Assert.Equal([1L, 2, 3, 4], Evaluate<long>(1, (g, v) => g.Cast(v[0], OnnxElementType.Int64), a).Values);
    }

    [Fact]
    public void Shapes_are_moved_about()
    {
        var x = Numbers(18, 2, 3, 4);
        var v = x.Values;
        float[] permuted = new float[24];
        for (int i = 0; i < 24; i++) permuted[i] = v[i % 2 * 12 + i / 2 % 3 * 4 + i / 6];
        Check([4, 3, 2], permuted, 3, (g, t) => g.Transpose(t[0], 2, 1, 0));
        Check([2, 12], v, 2, (g, t) => g.Reshape(t[0], 0, -1));
        Check([1, 2, 3, 1, 4], v, 5, (g, t) => g.Unsqueeze(t[0], 0, 3));
        Check([2, 3, 4], v, 3, (g, t) => g.Squeeze(g.Unsqueeze(t[0], 0, 3), 0, 3));
        Check([2, 1, 4], [v[4], v[5], v[6], v[7], v[16], v[17], v[18], v[19]], 3, (g, t) => g.Slice(t[0], 1, 1, 2));
        Check([2, 3, 2], [.. v.Where((_, i) => i % 2 == 1)], 3, (g, t) => g.Slice(t[0], 2, 1, 4, 2));
        Check([2, 3, 2], [.. v.Where((_, i) => i % 4 is 3 or 0).Chunk(2).SelectMany(p => new[] { p[1], p[0] })], 3, (g, t) => g.Gather(t[0], g.Constant(3, 0), 2));
        Check([2, 4], v[4..8].Concat(v[16..20]).ToArray(), 2, (g, t) => g.Gather(t[0], g.Scalar(1L), 1));
        Check([2, 3, 4], [.. v], 3, (g, t) => g.Concat(2, g.Split(t[0], 2, 1, 3)));
        Check([4, 3, 4], [.. v, .. v], 3, (g, t) => g.Concat(0, t[0], t[0]));
        Check([2, 3, 4], v, 3, (g, t) => g.Expand(t[0], g.Shape(t[0])));
        Check([3, 2, 3, 4], [.. v, .. v, .. v], 4, (g, t) => g.Expand(t[0], g.Constant(3, 2, 3, 4)));
        Check([2, 3, 6], [.. v.Chunk(4).SelectMany(r => (float[])[0, .. r, 0])], 3, (g, t) => g.Pad(t[0], 0, 0, 1, 0, 0, 1));

        void Check(long[] shape, float[] values, int rank, Func<OnnxGraphBuilder, OnnxValue[], OnnxValue> build)
        {
            var (actualShape, actual) = Evaluate<float>(rank, build, x);
            Assert.Equal(shape, actualShape);
            Assert.Equal(values, actual);
        }
    }

    /// <summary>erf by its power series in double, exact for the small arguments here.</summary>
    private static double ErrorFunction(double x)
    {
        double sum = 0, term = x;
        for (int n = 0; n < 60; n++)
        {
            sum += term / (2 * n + 1);
            term *= -x * x / (n + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }

    private static void Normalise(float[] x, float[] y, int start, int count, float epsilon)
    {
        double mean = 0, variance = 0;
        for (int i = start; i < start + count; i++) mean += x[i] / (double)count;
        for (int i = start; i < start + count; i++) variance += (x[i] - mean) * (x[i] - mean) / count;
        for (int i = start; i < start + count; i++) y[i] = (float)((x[i] - mean) / Math.Sqrt(variance + epsilon));
    }

    private static float[] Product(float[] a, float[] b, int rows, int inner, int columns)
    {
        float[] c = new float[rows * columns];
        for (int i = 0; i < rows; i++)
            for (int j = 0; j < columns; j++)
                for (int k = 0; k < inner; k++) c[i * columns + j] += a[i * inner + k] * b[k * columns + j];
        return c;
    }

    private static float[] Transposed(float[] x, int rows, int columns)
    {
        float[] y = new float[x.Length];
        for (int i = 0; i < x.Length; i++) y[i % columns * rows + i / columns] = x[i];
        return y;
    }
}
