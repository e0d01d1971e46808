using Engine.Kernels.Ops.Rotary;
using Engine.Kernels.Ops.SpatialAttention;
using Engine.Kernels.Ops.TemporalAttention;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Ops;

public class AttentionTests
{
    [Fact]
    public void Rotary_variants_agree()
    {
        foreach (int width in new[] { 4, 8, 12, 16, 24, 32, 36, 64, 100 })
        {
            foreach (RotaryFrequencies frequencies in Enum.GetValues<RotaryFrequencies>())
            {
                RotaryTable table = RotaryTable.Create(frequencies, width, 3, 5);
                Guarded source = Guarded.Normal(17 * width, (uint)width), expected = source.Copy();
                Rotary.Apply(KernelVariant.Reference, expected.Span, 17, table, 2);
                foreach (KernelVariant variant in Guarded.Variants)
                {
                    Guarded y = source.Copy();
                    Rotary.Apply(variant, y.Span, 17, table, 2);
                    Guarded.Near(expected.Span, y.Span, 5e-7f, 5e-7f, $"{variant} width {width}");
                    y.AssertIntact();
                }
            }
        }
    }

    [Fact]
    public void Rotated_products_depend_on_the_distance_only()
    {
        RotaryTable table = RotaryTable.Create(RotaryFrequencies.Standard, 16, 4000);
        float Dot(int p, int q)
        {
            Guarded a = Guarded.Normal(16, 1), b = Guarded.Normal(16, 2);
            Rotary.Apply(a.Span, 1, table, p);
            Rotary.Apply(b.Span, 1, table, q);
            float sum = 0;
            for (int i = 0; i < 16; i++) sum += a.Span[i] * b.Span[i];
            return sum;
        }

        Assert.Equal(Dot(3, 0), Dot(3993, 3990), 1e-3f);
        Assert.NotEqual(Dot(3, 0), Dot(4, 0));
    }

    [Theory]
    [InlineData(1, 1, 4)]
    [InlineData(15, 4, 16)]
    [InlineData(16, 4, 32)]
    [InlineData(17, 3, 24)]
    [InlineData(64, 4, 64)]
    [InlineData(7, 2, 12)]
    [InlineData(33, 1, 100)]
    public void Spatial_variants_agree_and_queries_are_independent(int tokens, int heads, int width)
    {
        const int Frames = 3;
        int dim = heads * width, rows = Frames * tokens;
        RotaryTable table = tokens % 3 == 0
            ? RotaryTable.Create(RotaryFrequencies.Standard, width, tokens / 3, 3)
            : RotaryTable.Create(RotaryFrequencies.Pixel, width, tokens);
        Guarded qkv = Guarded.Normal(rows * 3 * dim, 1), expected = new(rows * dim), scratch = new(SpatialAttention.ScratchLength(tokens, width));
        SpatialAttention.Apply(KernelVariant.Reference, qkv.Span, tokens, heads, table, 0, rows, expected.Span, scratch.Span);
        foreach (KernelVariant variant in Guarded.Variants)
        {
            Guarded y = new(rows * dim);
            SpatialAttention.Apply(variant, qkv.Span, tokens, heads, table, 0, rows, y.Span, scratch.Span);
            Guarded.Near(expected.Span, y.Span, 2e-6f, 2e-5f, variant.ToString());
            y.AssertIntact();
            scratch.AssertIntact();
            foreach (int cut in new[] { 1, tokens, rows / 2, rows - 1 })
            {
                Guarded parts = new(rows * dim);
                SpatialAttention.Apply(variant, qkv.Span, tokens, heads, table, cut, rows, parts.Span, scratch.Span);
                Assert.Equal(-1, parts.Span[..(cut * dim)].IndexOfAnyExcept(0f));
                SpatialAttention.Apply(variant, qkv.Span, tokens, heads, table, 0, cut, parts.Span, scratch.Span);
                Assert.Equal(y.Span.ToArray(), parts.Span.ToArray());
            }
        }
    }

    [Theory]
    [InlineData(1, 1, 4, 1)]
    [InlineData(5, 4, 16, 4)]
    [InlineData(16, 4, 32, 4)]
    [InlineData(6, 3, 24, 20)]
    [InlineData(4, 2, 64, 17)]
    [InlineData(33, 2, 32, 6)]
    [InlineData(64, 2, 64, 3)]
    public void Temporal_variants_agree_with_plain_causal_attention(int tokens, int heads, int width, int frames)
    {
        int dim = heads * width, slots = frames + 2;
        RotaryTable table = RotaryTable.Create(RotaryFrequencies.Standard, width, frames + 10);
        int length = slots * TemporalAttention.SlotLength(tokens, heads, width);
        var order = new int[frames];
        Guarded[] qkv = [.. Enumerable.Range(0, frames).Select(frame => Guarded.Normal(tokens * 3 * dim, (uint)frame))];
        foreach (KernelVariant variant in Guarded.Variants)
        {
            Guarded keys = new(length), values = new(length);
            for (int frame = 0; frame < frames; frame++)
            {
                // Slots in another order than time, positions shifted, tokens in two parts: none may matter.
                order[frame] = slots - 1 - frame;
                TemporalAttention.Append(variant, qkv[frame].Span, tokens, heads, tokens / 3, tokens, table, frame + 7, order[frame], keys.Span, values.Span);
                TemporalAttention.Append(variant, qkv[frame].Span, tokens, heads, 0, tokens / 3, table, frame + 7, order[frame], keys.Span, values.Span);
            }

            keys.AssertIntact();
            values.AssertIntact();
            for (int frame = 0; frame < frames; frame++)
            {
                Guarded y = new(tokens * dim), parts = new(tokens * dim);
                TemporalAttention.Attend(variant, qkv[frame].Span, tokens, heads, 0, tokens, table, frame + 7, order.AsSpan(0, frame + 1), keys.Span, values.Span, y.Span);
                Guarded.Near(Plain(qkv, frame, tokens, heads, width), y.Span, 2e-6f, 2e-5f, $"{variant} frame {frame}");
                y.AssertIntact();
                int cut = tokens / 2;
                TemporalAttention.Attend(variant, qkv[frame].Span, tokens, heads, 0, cut, table, frame + 7, order.AsSpan(0, frame + 1), keys.Span, values.Span, parts.Span);
                TemporalAttention.Attend(variant, qkv[frame].Span, tokens, heads, cut, tokens, table, frame + 7, order.AsSpan(0, frame + 1), keys.Span, values.Span, parts.Span);
                Assert.Equal(y.Span.ToArray(), parts.Span.ToArray());
            }
        }
    }

    [Fact]
    public void Wrong_arguments_are_named()
    {
        RotaryTable table = RotaryTable.Create(RotaryFrequencies.Standard, 8, 4);
        float[] qkv = new float[4 * 24], output = new float[16 * 8], scratch = new float[SpatialAttention.ScratchLength(4, 8)];
        Assert.Contains("scratch", Assert.Throws<ArgumentException>(() => SpatialAttention.Apply(qkv, 4, 1, table, 0, 4, output, scratch.AsSpan(1))).Message, StringComparison.Ordinal);
        Assert.Contains("positions", Assert.Throws<ArgumentException>(() => SpatialAttention.Apply(qkv, 2, 1, table, 0, 2, output, scratch)).Message, StringComparison.Ordinal);
        Assert.Contains("position", Assert.Throws<ArgumentException>(() => TemporalAttention.Append(qkv, 4, 1, 0, 4, table, 4, 0, output, output)).Message, StringComparison.Ordinal);
        Assert.Contains("slot", Assert.Throws<ArgumentException>(() => TemporalAttention.Append(qkv, 4, 1, 0, 4, table, 0, 1, output, output)).Message, StringComparison.Ordinal);
        Assert.Contains("itself", Assert.Throws<ArgumentException>(() => TemporalAttention.Attend(qkv, 4, 1, 0, 4, table, 0, [], output, output, new float[32])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => RotaryTable.Create(RotaryFrequencies.Standard, 6, 4, 4));
    }

    private static float[] Plain(Guarded[] qkv, int frame, int tokens, int heads, int width)
    {
        int dim = heads * width;
        RotaryTable table = RotaryTable.Create(RotaryFrequencies.Standard, width, frame + 1);
        var result = new float[tokens * dim];
        for (int token = 0; token < tokens; token++)
        {
            for (int head = 0; head < heads; head++)
            {
                float[] query = qkv[frame].Span.Slice(token * 3 * dim + head * width, width).ToArray();
                Rotary.Apply(KernelVariant.Reference, query, 1, table, frame);
                var weights = new double[frame + 1];
                for (int past = 0; past <= frame; past++)
                {
                    float[] key = qkv[past].Span.Slice(token * 3 * dim + dim + head * width, width).ToArray();
                    Rotary.Apply(KernelVariant.Reference, key, 1, table, past);
                    weights[past] = Math.Exp(query.Zip(key, (a, b) => (double)a * b).Sum() / Math.Sqrt(width));
                }

                double sum = weights.Sum();
                for (int c = 0; c < width; c++)
                {
                    for (int past = 0; past <= frame; past++)
                        result[token * dim + head * width + c] += (float)(weights[past] / sum * qkv[past].Span[token * 3 * dim + 2 * dim + head * width + c]);
                }
            }
        }

        return result;
    }
}
