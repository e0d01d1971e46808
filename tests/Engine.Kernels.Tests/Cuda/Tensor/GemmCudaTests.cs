using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Tests.Devices;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Cuda.Tensor;

/// <summary>Gemm.cu on the CPU against the reference on the same rounded factors: what is left is the order of adding, and the rounding of bfloat16 results.</summary>
public sealed class GemmCudaTests
{
    /// <summary>Of the sum of the products' magnitudes: float32 sums of a few hundred products in another order.</summary>
    private const float SumTolerance = 1e-6f;

    /// <summary>Half a unit in the last place of bfloat16.</summary>
    private const float BfloatTolerance = 1f / 256;

    // Rows, outputs, inputs, splits: one, one less and one more than tiles, odd counts, sums shorter than a slice and of a slice and a bit, parts of unequal length and none.
    private static readonly (int Rows, int Outputs, int Inputs, int Splits)[] s_shapes =
        [(1, 1, 8, 1), (64, 64, 64, 1), (70, 75, 72, 1), (63, 130, 520, 3), (129, 65, 136, 2), (130, 131, 320, 4)];

    [Theory]
    [InlineData(0, ActivationFunction.GeluTanh, true)]
    [InlineData(1, ActivationFunction.None, false)]
    [InlineData(2, ActivationFunction.None, true)]
    [InlineData(2, ActivationFunction.Silu, false)]
    [InlineData(3, ActivationFunction.GeluTanh, false)]
    public void Products_of_bfloat16_are_the_references(int tile, ActivationFunction activation, bool bfloat16)
    {
        using var device = EmulatedDevice.Open();
        if (tile == 3) device.Needs("warpgroups");
        foreach (var (rows, outputs, inputs, splits) in s_shapes)
        {
            var problem = new Problem(rows, outputs, inputs, value => Bfloat16.From(value).ToSingle());
            using PackedLinear packed = problem.Pack();
            var expected = new float[rows * outputs];
            Gemm.Multiply(KernelVariant.Reference, problem.X, rows, packed, expected, activation, 0, packed.Panels);
            using DeviceBuffer<Bfloat16> x = device.Stream.Upload<Bfloat16>(Bfloat16.Round(problem.X)), weight = device.Stream.Upload<Bfloat16>(Bfloat16.Round(problem.Weight));
            using DeviceBuffer<float> bias = device.Stream.Upload<float>(problem.Bias);
            var linear = CudaLinear.Of(weight, bias, inputs, outputs);
            var plan = GemmPlan.With(tile == 3 ? GemmTile.Warpgroup : GemmTile.All[tile], rows, outputs, splits);
            float[] y = device.InEveryOrder(() => bfloat16
                ? Array.ConvertAll(Run<Bfloat16, Bfloat16>(device, plan, x, rows, linear, activation), value => value.ToSingle())
                : Run<Bfloat16, float>(device, plan, x, rows, linear, activation));
            Near(expected, y, problem.Magnitudes(), bfloat16 ? BfloatTolerance : 0, $"{plan} of {rows} × {outputs} × {inputs}");
        }
    }

    [Theory]
    [InlineData(ActivationFunction.None)]
    [InlineData(ActivationFunction.GeluTanh)]
    public void In_float32_nothing_is_rounded(ActivationFunction activation)
    {
        using var device = EmulatedDevice.Open();
        foreach (var (rows, outputs, inputs, splits) in s_shapes)
        {
            var problem = new Problem(rows, outputs, inputs, value => value);
            using PackedLinear packed = problem.Pack();
            var expected = new float[rows * outputs];
            Gemm.Multiply(KernelVariant.Reference, problem.X, rows, packed, expected, activation, 0, packed.Panels);
            using DeviceBuffer<float> x = device.Stream.Upload<float>(problem.X), weight = device.Stream.Upload<float>(problem.Weight), bias = device.Stream.Upload<float>(problem.Bias);
            var linear = CudaLinear.Of(weight, bias, inputs, outputs);
            var plan = GemmPlan.With(GemmTile.Small, rows, outputs, splits);
            Assert.Equal(GemmTile.Small, Gemm.Plan(device.Stream, rows, linear).Tile);
            float[] y = device.InEveryOrder(() => Run<float, float>(device, plan, x, rows, linear, activation));
            Near(expected, y, problem.Magnitudes(), 0, $"{plan} of {rows} × {outputs} × {inputs}");
        }
    }

    [Fact]
    public void A_gated_residual_adds_to_the_stream_with_the_gate_of_its_group_of_rows()
    {
        using var device = EmulatedDevice.Open();
        foreach (var (rows, outputs, inputs, splits) in s_shapes)
        {
            const int RowsPerGate = 48, FirstRow = 20;
            int stride = outputs + 3, groups = (FirstRow + rows + RowsPerGate - 1) / RowsPerGate;
            var problem = new Problem(rows, outputs, inputs, value => Bfloat16.From(value).ToSingle());
            float[] gates = Guarded.Normal(groups * stride, 5).Span.ToArray(), stream = Guarded.Normal(rows * outputs, 6).Span.ToArray();
            using PackedLinear packed = problem.Pack();
            float[] expected = [.. stream];
            Gemm.MultiplyGated(KernelVariant.Reference, problem.X, rows, packed, gates, stride, RowsPerGate, FirstRow, expected);
            using DeviceBuffer<Bfloat16> x = device.Stream.Upload<Bfloat16>(Bfloat16.Round(problem.X)), weight = device.Stream.Upload<Bfloat16>(Bfloat16.Round(problem.Weight));
            using DeviceBuffer<float> bias = device.Stream.Upload<float>(problem.Bias), onDevice = device.Stream.Upload<float>(gates), y = device.Stream.Allocate<float>(rows * outputs);
            var plan = GemmPlan.With(GemmTile.Medium, rows, outputs, splits);
            using var workspace = new GemmWorkspace(device.Stream, plan);
            float[] actual = device.InEveryOrder(() =>
            {
                device.Stream.Upload<float>(stream, y.Span);
                Gemm.MultiplyGated<Bfloat16>(
                    plan, device.Stream, x, rows, CudaLinear.Of(weight, bias, inputs, outputs), onDevice, stride, RowsPerGate, FirstRow, y, workspace);
                return device.Read(y.Span);
            });
            float[] magnitudes = problem.Magnitudes();
            for (int i = 0; i < magnitudes.Length; i++)
            {
                float gate = gates[(FirstRow + i / outputs) / RowsPerGate * stride + i % outputs];
                magnitudes[i] = magnitudes[i] * Math.Abs(gate) + Math.Abs(stream[i]);
            }

            Near(expected, actual, magnitudes, 0, $"{plan} of {rows} × {outputs} × {inputs}");
        }
    }

    [Fact]
    public void Binary16_is_multiplied_exactly()
    {
        using var device = EmulatedDevice.Open();
        const int Rows = 67, Outputs = 66, Inputs = 144;
        var plan = GemmPlan.With(GemmTile.Small, Rows, Outputs);
        var halves = new Problem(Rows, Outputs, Inputs, value => (float)(Half)value);
        using (DeviceBuffer<Half> x = device.Stream.Upload<Half>(Array.ConvertAll(halves.X, value => (Half)value)), weight = device.Stream.Upload<Half>(Array.ConvertAll(halves.Weight, value => (Half)value)))
        using (DeviceBuffer<float> bias = device.Stream.Upload<float>(halves.Bias))
        {
            var linear = CudaLinear.Of(weight, bias, Inputs, Outputs);
            float[] y = device.InEveryOrder(() => Run<Half, float>(device, plan, x, Rows, linear, ActivationFunction.None));
            Near(halves.Expected(1), y, halves.Magnitudes(), 0, "binary16");
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    [InlineData(2, 1)]
    public void E4m3_is_multiplied_exactly_and_its_rows_get_their_scales_back(int tile, int splits)
    {
        using var device = EmulatedDevice.Open();
        device.Needs(tile == 2 ? "warpgroups" : "float8");
        const int Rows = 67, Outputs = 66, Inputs = 144;
        var plan = GemmPlan.With(new[] { GemmTile.Small, GemmTile.Large, GemmTile.Warpgroup }[tile], Rows, Outputs, splits);
        float[] added = Guarded.Normal(Outputs, 3).Span.ToArray();
        // Any byte but the two NaNs is a number.
        var numbers = new Float8[(Rows + Outputs) * Inputs];
        new Random(3).NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(numbers.AsSpan()));
        for (int i = 0; i < numbers.Length; i++)
        {
            if (float.IsNaN(numbers[i].ToSingle())) numbers[i] = new Float8(1);
        }

        Float8[] left = numbers[..(Rows * Inputs)], right = numbers[(Rows * Inputs)..];
        var eighths = new Problem(Array.ConvertAll(left, value => value.ToSingle()), Array.ConvertAll(right, value => value.ToSingle()), added, Inputs);
        float[] rowScales = Scales(Rows, 0.03f), columnScales = Scales(Outputs, 0.7f), bounds = Scales(Rows, 40);
        using (DeviceBuffer<Float8> x = device.Stream.Upload<Float8>(left), weight = device.Stream.Upload<Float8>(right))
        using (DeviceBuffer<float> bias = device.Stream.Upload<float>(added), byRow = device.Stream.Upload<float>(rowScales), byColumn = device.Stream.Upload<float>(columnScales), results = device.Stream.Upload<float>(bounds))
        {
            var linear = CudaLinear.Of(weight, byColumn, bias, Inputs, Outputs);
            float[] magnitudes = eighths.Magnitudes(), expected = new float[magnitudes.Length];
            float[] exact = (eighths with { Bias = new float[Outputs] }).Expected(1);
            for (int i = 0; i < expected.Length; i++)
            {
                expected[i] = exact[i] * rowScales[i / Outputs] * columnScales[i % Outputs] + added[i % Outputs];
                magnitudes[i] *= rowScales[i / Outputs] * columnScales[i % Outputs];
            }

            float[] y = device.InEveryOrder(() => Run<Float8, float>(device, plan, x, Rows, linear, ActivationFunction.None, new(byRow.Span)));
            Near(expected, y, magnitudes, 0, $"e4m3, {plan}");
            // What is rounded to e4m3 again is off by a sixteenth at most, but for what is smaller than its least normal number.
            Float8[] small = device.InEveryOrder(() => Run<Float8, Float8>(device, plan, x, Rows, linear, ActivationFunction.None, new(byRow.Span, results.Span)));
            for (int i = 0; i < small.Length; i++)
            {
                float scale = bounds[i / Outputs], error = Math.Abs(small[i].ToSingle() * scale - Math.Clamp(y[i], -448 * scale, 448 * scale));
                Assert.True(error <= Math.Max(Math.Abs(y[i]) / 16, scale / 1024) * 1.0001f, $"{plan}: number {i} is {small[i].ToSingle() * scale}, exactly {y[i]}");
            }

            Assert.Contains("one for each row of x", Assert.Throws<ArgumentException>(() => Run<Float8, float>(device, plan, x, Rows, linear, ActivationFunction.None)).Message, StringComparison.Ordinal);
        }

        static float[] Scales(int count, float about) => [.. Enumerable.Range(0, count).Select(i => about * (1 + i % 5))];
    }

    /// <summary>What <see cref="GemmInput"/> says.</summary>
    [Fact]
    public void The_error_of_rounded_factors_is_as_documented()
    {
        using var device = EmulatedDevice.Open();
        device.Needs("float8");
        const int Rows = 64, Outputs = 64, Inputs = 1024;
        var problem = new Problem(Rows, Outputs, Inputs, value => value);
        float[] exact = problem.Expected(1);
        var plan = GemmPlan.With(GemmTile.Small, Rows, Outputs);
        using DeviceBuffer<float> bias = device.Stream.Upload<float>(problem.Bias);

        Float8[] left = new Float8[problem.X.Length], right = new Float8[problem.Weight.Length];
        using DeviceBuffer<float> byRow = device.Stream.Upload<float>(Enumerable.Repeat(Float8.Quantise(problem.X, left), Rows).ToArray());
        using DeviceBuffer<float> byColumn = device.Stream.Upload<float>(Enumerable.Repeat(Float8.Quantise(problem.Weight, right), Outputs).ToArray());
        using DeviceBuffer<Float8> x = device.Stream.Upload<Float8>(left), weight = device.Stream.Upload<Float8>(right);
        Assert.Equal(0.037, RelativeError(exact, Run<Float8, float>(device, plan, x, Rows, CudaLinear.Of(weight, byColumn, bias, Inputs, Outputs), ActivationFunction.None, new(byRow.Span))), 0.001);

        using DeviceBuffer<Bfloat16> x16 = device.Stream.Upload<Bfloat16>(Bfloat16.Round(problem.X)), weight16 = device.Stream.Upload<Bfloat16>(Bfloat16.Round(problem.Weight));
        Assert.Equal(0.0024, RelativeError(exact, Run<Bfloat16, float>(device, plan, x16, Rows, CudaLinear.Of(weight16, bias, Inputs, Outputs), ActivationFunction.None)), 0.0001);
    }

    [Fact]
    public void E4m3_rounds_to_the_nearest_number_and_ties_to_even()
    {
        for (int bits = 0; bits < 256; bits++)
        {
            float value = new Float8((byte)bits).ToSingle();
            if (float.IsNaN(value)) Assert.True(float.IsNaN(Float8.From(value).ToSingle()));
            else Assert.Equal(bits, Float8.From(value).Bits);
            if (bits is >= 0x7E and < 0x80 or >= 0xFE) continue;
            float next = new Float8((byte)(bits + 1)).ToSingle(), middle = (value + next) / 2;
            Assert.Equal(bits + (bits & 1), Float8.From(middle).Bits);
            Assert.Equal(bits, Float8.From(value + (middle - value) * 0.999f).Bits);
            Assert.Equal(bits + 1, Float8.From(next + (middle - next) * 0.999f).Bits);
        }

        Assert.Equal((448f, -448f), (Float8.From(1e9f).ToSingle(), Float8.From(float.NegativeInfinity).ToSingle()));
        Assert.Equal((1.0, 0.0), (Float8.Quantise(new float[4], new Float8[4]), Float8.From(-0f).ToSingle()));
        Assert.Throws<ArgumentException>(() => Float8.Quantise([1, float.NaN], new Float8[2]));
    }

    [Fact]
    public void The_launch_is_the_plans_and_needs_its_workspace()
    {
        using var device = EmulatedDevice.Open();
        const int Rows = 70, Outputs = 10, Inputs = 640;
        using DeviceBuffer<Bfloat16> x = device.Stream.Upload<Bfloat16>(new Bfloat16[Rows * Inputs]), weight = device.Stream.Upload<Bfloat16>(new Bfloat16[Outputs * Inputs]);
        using DeviceBuffer<float> y = device.Stream.Allocate<float>(Rows * Outputs);
        var linear = CudaLinear.Of(weight, default, Inputs, Outputs);
        var plan = GemmPlan.With(GemmTile.Small, Rows, Outputs, splits: 2);
        using GemmWorkspace workspace = new(device.Stream, plan), none = new(device.Stream);
        device.Driver.Forget();
        Gemm.Multiply(plan, device.Stream, x.Span, Rows, linear, y.Span, workspace, ActivationFunction.None);
        CudaCall launch = Assert.Single(device.Driver.Calls, call => call.Name == "cuLaunchKernel");
        Assert.Equal(("gemm", new CudaGrid(2, 2), 128, 4 * 128 * 128), (launch.Target, launch.Grid, launch.Threads, launch.Bytes));
        Assert.All(device.Read(y.Span), value => Assert.Equal(0, value));
        var error = Assert.Throws<ArgumentException>(() => Gemm.Multiply(plan, device.Stream, x.Span, Rows, linear, y.Span, none, ActivationFunction.None));
        Assert.Contains("2 parts of 2 tiles of 64 × 64", error.Message);
    }

    [Fact]
    public void What_the_device_cannot_read_in_whole_chunks_is_refused()
    {
        using var device = EmulatedDevice.Open();
        using DeviceBuffer<Bfloat16> memory = device.Stream.Allocate<Bfloat16>(1024);
        using DeviceBuffer<float> y = device.Stream.Allocate<float>(64);
        using var workspace = new GemmWorkspace(device.Stream);
        Assert.Contains("pad weight and x with zeros to 16", Assert.Throws<ArgumentException>(() => CudaLinear.Of(memory.Slice(0, 100), default, 10, 10)).Message);
        Assert.Contains("it holds 99", Assert.Throws<ArgumentException>(() => CudaLinear.Of(memory.Slice(0, 99), default, 8, 10)).Message);
        Assert.Contains("multiple of 16 bytes", Assert.Throws<ArgumentException>(() => CudaLinear.Of(memory.Slice(4, 80), default, 8, 10)).Message);
        var linear = CudaLinear.Of(memory.Slice(0, 64), default, 8, 8);
        Assert.Contains("multiple of 16 bytes", Assert.Throws<ArgumentException>(() => Gemm.Multiply(device.Stream, memory.Slice(1, 64), 8, linear, y.Span, workspace)).Message);
        Assert.Contains("x must be Bfloat16", Assert.Throws<ArgumentException>(() => Gemm.Multiply(device.Stream, y.Span, 8, linear, y.Span, workspace)).Message);
        Assert.Contains("rows × outputs = 9 × 8", Assert.Throws<ArgumentException>(() => Gemm.Multiply(device.Stream, memory.Slice(64, 72), 9, linear, y.Span, workspace)).Message);
    }

    private static TOutput[] Run<TInput, TOutput>(EmulatedDevice device, GemmPlan plan, DeviceSpan<TInput> x, int rows, CudaLinear linear, ActivationFunction activation, GemmScales scales = default)
        where TInput : unmanaged
        where TOutput : unmanaged
    {
        using DeviceBuffer<TOutput> y = device.Stream.Allocate<TOutput>((long)rows * linear.Outputs);
        using var workspace = new GemmWorkspace(device.Stream, plan);
        Gemm.Multiply(plan, device.Stream, x, rows, linear, y.Span, workspace, activation, scales);
        return device.Read(y.Span);
    }

    private static void Near(float[] expected, float[] actual, float[] magnitudes, float relative, string what)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            float error = Math.Abs(expected[i] - actual[i]), allowed = SumTolerance * magnitudes[i] + relative * Math.Abs(expected[i]);
            Assert.True(error <= allowed, $"{what}: number {i} is {actual[i]}, the reference {expected[i]}; off by {error}, allowed are {allowed}");
        }
    }

    /// <summary>Root of the mean squared error over the standard deviation of the exact results.</summary>
    private static double RelativeError(float[] exact, float[] actual)
    {
        double error = 0, power = 0;
        for (int i = 0; i < exact.Length; i++)
        {
            error += Math.Pow(exact[i] - actual[i], 2);
            power += Math.Pow(exact[i], 2);
        }

        return Math.Sqrt(error / power);
    }

    private sealed record Problem(float[] X, float[] Weight, float[] Bias, int Inputs)
    {
        public Problem(int rows, int outputs, int inputs, Func<float, float> round)
            : this(
                Array.ConvertAll(Guarded.Normal(rows * inputs, 1).Span.ToArray(), value => round(value)), Array.ConvertAll(Guarded.Normal(outputs * inputs, 2).Span.ToArray(), value => round(value)),
                Guarded.Normal(outputs, 3).Span.ToArray(), inputs)
        {
        }

        private int Outputs => Bias.Length;

        public PackedLinear Pack() => new(Weight, Bias, Inputs, Outputs);

        public float[] Expected(float scale) => Sum(scale, value => value);

        public float[] Magnitudes() => Sum(1, Math.Abs);

        private float[] Sum(float scale, Func<double, double> of)
        {
            var sums = new float[X.Length / Inputs * Outputs];
            for (int i = 0; i < sums.Length; i++)
            {
                double sum = 0;
                for (int k = 0; k < Inputs; k++) sum += of((double)X[i / Outputs * Inputs + k] * Weight[i % Outputs * Inputs + k]);
                sums[i] = (float)(sum * scale + of(Bias[i % Outputs]));
            }

            return sums;
        }
    }
}
