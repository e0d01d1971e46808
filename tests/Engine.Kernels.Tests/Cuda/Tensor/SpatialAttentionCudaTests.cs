using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Rotary;
using Engine.Kernels.Ops.SpatialAttention;
using Engine.Kernels.Tests.Devices;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Cuda.Tensor;

/// <summary>SpatialAttention.cu on the CPU against the reference on the same rounded queries, keys and values: what is left is the rounding of weights and of results.</summary>
public sealed class SpatialAttentionCudaTests
{
    // Of the weighted sum of the values' magnitudes: half a unit in the last place of bfloat16 for the weights, the same for the result, and a little for exponentials and float32 sums.
    private const float Tolerance = 2f / 256 + 2e-5f;

    /// <summary>Tokens: one; less than a warp's rows; one less, exactly and one more than a slice of keys; more than a block of queries.</summary>
    [Theory]
    [InlineData(64, 0, new[] { 1, 63, 64, 65, 130 })]
    [InlineData(64, 1, new[] { 65, 130 })]
    [InlineData(64, 2, new[] { 33, 64 })]
    [InlineData(32, 0, new[] { 16, 100 })]
    [InlineData(48, 2, new[] { 33, 70 })]
    [InlineData(128, 0, new[] { 16, 65, 130 })]
    public void Attention_is_the_references_for_every_tail(int width, int plan, int[] lengths)
    {
        using var device = EmulatedDevice.Open();
        foreach (int tokens in lengths)
        {
            const int Heads = 2;
            int frames = tokens > 64 ? 1 : 2, dim = Heads * width, rows = frames * tokens;
            Bfloat16[] qkv = Bfloat16.Round(Guarded.Normal(rows * 3 * dim, (uint)tokens).Span);
            var (expected, magnitudes) = Reference(qkv, frames, tokens, Heads, width);
            Bfloat16[] output = device.InEveryOrder(() =>
            {
                using DeviceBuffer<Bfloat16> onDevice = device.Stream.Upload<Bfloat16>(qkv), result = device.Stream.Allocate<Bfloat16>(rows * dim);
                SpatialAttention.Apply(SpatialAttentionPlan.All(frames, tokens, Heads, width)[plan], device.Stream, onDevice, frames, tokens, Heads, width, result);
                return device.Read(result.Span);
            });
            for (int i = 0; i < output.Length; i++)
            {
                float error = Math.Abs(output[i].ToSingle() - expected[i]);
                Assert.True(error <= Tolerance * magnitudes[i], $"{tokens} tokens of {width}: number {i} is {output[i].ToSingle()}, the reference {expected[i]}");
            }
        }
    }

    [Theory]
    [InlineData(64, 70)]
    [InlineData(48, 33)]
    [InlineData(16, 1)]
    [InlineData(128, 5)]
    public void In_float32_attention_is_the_references(int width, int tokens)
    {
        using var device = EmulatedDevice.Open();
        const int Heads = 2, Frames = 2;
        int dim = Heads * width, rows = Frames * tokens;
        float[] qkv = Guarded.Normal(rows * 3 * dim, (uint)tokens).Span.ToArray();
        var (expected, magnitudes) = Reference([.. qkv], Frames, tokens, Heads, width);
        float[] output = device.InEveryOrder(() =>
        {
            using DeviceBuffer<float> onDevice = device.Stream.Upload<float>(qkv), result = device.Stream.Allocate<float>(rows * dim);
            SpatialAttention.Apply(device.Stream, onDevice, Frames, tokens, Heads, width, result);
            return device.Read(result.Span);
        });
        for (int i = 0; i < output.Length; i++)
            Assert.True(Math.Abs(output[i] - expected[i]) <= 4e-6f * magnitudes[i], $"{tokens} tokens of {width}: number {i} is {output[i]}, the reference {expected[i]}");
    }

    [Fact]
    public void Scores_far_apart_neither_overflow_nor_vanish()
    {
        using var device = EmulatedDevice.Open();
        const int Tokens = 130, Width = 64;
        // Scores up to ±5000, and the greatest in the last slice: the running maximum has to move.
        float[] values = Guarded.Normal(Tokens * 3 * Width, 4).Span.ToArray();
        for (int i = 0; i < Tokens; i++)
        {
            for (int c = 0; c < 2 * Width; c++) values[i * 3 * Width + c] *= 20 + i / 10f;
        }

        Bfloat16[] qkv = Bfloat16.Round(values);
        var (expected, magnitudes) = Reference(qkv, 1, Tokens, 1, Width);
        using DeviceBuffer<Bfloat16> onDevice = device.Stream.Upload<Bfloat16>(qkv), result = device.Stream.Allocate<Bfloat16>(Tokens * Width);
        SpatialAttention.Apply(device.Stream, onDevice, 1, Tokens, 1, Width, result);
        Bfloat16[] output = device.Read(result.Span);
        // The exponent is a product of thousands with log₂e: 24 bits of it leave 1e-3 of a weight.
        for (int i = 0; i < output.Length; i++) Assert.InRange(output[i].ToSingle() - expected[i], -2e-3f - Tolerance * magnitudes[i], 2e-3f + Tolerance * magnitudes[i]);
    }

    [Fact]
    public void The_most_queries_share_keys_that_still_fill_the_device()
    {
        // The original's shape, 256 tokens and 16 heads of 64, on 132 multiprocessors.
        Assert.Equal((32, new CudaGrid(8, 16, 1)), Shape(1, 256, 16, 64));
        Assert.Equal((64, new CudaGrid(4, 16, 4)), Shape(4, 256, 16, 64));
        Assert.Equal((128, new CudaGrid(2, 16, 32)), Shape(32, 256, 16, 64));
        Assert.Equal((64, new CudaGrid(1, 6, 64)), Shape(64, 64, 6, 64));
        Assert.Equal((32, new CudaGrid(1, 4, 500)), Shape(500, 16, 4, 32));
        Assert.Equal((128, new CudaGrid(8, 8, 32)), Shape(32, 1024, 8, 128));
    }

    [Fact]
    public void Every_plan_fits_as_often_as_it_says()
    {
        for (int width = 16; width <= 128; width += 16)
        {
            foreach (SpatialAttentionPlan plan in SpatialAttentionPlan.All(1, 256, 1, width))
            {
                CudaKernel kernel = SpatialAttention.Describe(plan, width);
                Assert.True(plan.BlocksPerMultiprocessor * (kernel.DynamicSharedBytes + 1024) <= 228 << 10 || plan.BlocksPerMultiprocessor > 2, $"{plan} at {width}");
                Assert.True(plan.BlocksPerMultiprocessor * kernel.ThreadsPerBlock * ((kernel.RegisterBudget + 7) / 8 * 8) <= 65536, $"{plan} at {width}");
                Assert.True(kernel.DynamicSharedBytes <= 99 << 10, $"{plan} at {width}");
            }
        }
    }

    [Fact]
    public void Shapes_that_the_kernel_has_no_fragments_for_are_refused()
    {
        using var device = EmulatedDevice.Open();
        using DeviceBuffer<Bfloat16> qkv = device.Stream.Allocate<Bfloat16>(4096), output = device.Stream.Allocate<Bfloat16>(1024);
        Assert.Throws<ArgumentOutOfRangeException>(() => SpatialAttention.Apply(device.Stream, qkv, 1, 4, 1, 40, output));
        Assert.Throws<ArgumentOutOfRangeException>(() => SpatialAttention.Apply(device.Stream, qkv, 1, 4, 1, 144, output));
        Assert.Contains("2 × 16 × 192", Assert.Throws<ArgumentException>(() => SpatialAttention.Apply(device.Stream, qkv, 2, 16, 1, 64, output)).Message);
        Assert.Contains("multiples of 16 bytes", Assert.Throws<ArgumentException>(() => SpatialAttention.Apply(device.Stream, qkv.Slice(4, 192), 1, 1, 1, 64, output)).Message);
    }

    private static (int Queries, CudaGrid Grid) Shape(int frames, int tokens, int heads, int width)
    {
        var plan = SpatialAttentionPlan.For(frames, tokens, heads, width, 132);
        return (plan.Queries, plan.Grid);
    }

    private static (float[] Output, float[] Magnitudes) Reference(Bfloat16[] rounded, int frames, int tokens, int heads, int width) =>
        Reference(Array.ConvertAll(rounded, value => value.ToSingle()), frames, tokens, heads, width);

    /// <summary>The reference rotates queries and keys, so they are rotated back before; also the sums of weights times magnitudes of values.</summary>
    private static (float[] Output, float[] Magnitudes) Reference(float[] qkv, int frames, int tokens, int heads, int width)
    {
        int dim = heads * width, rows = frames * tokens;
        var table = RotaryTable.Create(RotaryFrequencies.Standard, width, tokens);
        for (int row = 0; row < rows; row++)
        {
            for (int c = 0; c < 2 * dim; c += 2)
            {
                int at = row * 3 * dim + c, angle = row % tokens * width + c % width;
                float cos = table.Cosines[angle], sin = table.Sines[angle + 1], x = qkv[at], y = qkv[at + 1];
                (qkv[at], qkv[at + 1]) = (x * cos + y * sin, y * cos - x * sin);
            }
        }

        float[] output = new float[rows * dim], magnitudes = new float[rows * dim], scratch = new float[SpatialAttention.ScratchLength(tokens, width)];
        SpatialAttention.Apply(KernelVariant.Reference, qkv, tokens, heads, table, 0, rows, output, scratch);
        for (int i = 0; i < qkv.Length; i++)
        {
            if (i % (3 * dim) >= 2 * dim) qkv[i] = Math.Abs(qkv[i]);
        }

        SpatialAttention.Apply(KernelVariant.Reference, qkv, tokens, heads, table, 0, rows, magnitudes, scratch);
        return (output, magnitudes);
    }
}
