using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Gae;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Ops;

public class GaeTests
{
    [Fact]
    public void Variants_give_the_same_bits_for_all_numbers_of_environments()
    {
        for (int environments = 0; environments <= 70; environments++)
        {
            foreach (int steps in new[] { 0, 1, 2, 13 })
            {
                int count = steps * environments;
                Guarded rewards = Guarded.Normal(count, 1), values = Guarded.Normal(count, 2), next = Guarded.Normal(count, 3), expected = new(count), returns = new(count);
                byte[] terminated = Flags(count, 4), truncated = Flags(count, 5);
                Gae.Compute(KernelVariant.Reference, rewards.Span, values.Span, next.Span, terminated, truncated, steps, environments, 0.98f, 0.9f, expected.Span, returns.Span);
                foreach (KernelVariant variant in Guarded.Variants)
                {
                    Guarded a = new(count, 2), r = new(count, 3);
                    Gae.Compute(variant, rewards.Span, values.Span, next.Span, terminated, truncated, steps, environments, 0.98f, 0.9f, a.Span, r.Span);
                    Assert.Equal(expected.Span.ToArray(), a.Span.ToArray());
                    Assert.Equal(returns.Span.ToArray(), r.Span.ToArray());
                    a.AssertIntact();
                    r.AssertIntact();
                }
            }
        }
    }

    [Theory]
    [InlineData(9, 4096, 16)]
    [InlineData(300, 4112, 0)]
    [InlineData(300, 4112, 4)]
    [InlineData(700, 1501, 0)]
    public void Large_rollouts_are_shared_by_threads_and_give_the_same_bits(int steps, int environments, int offset)
    {
        int count = steps * environments;
        using NativeBuffer<float> rewards = Normal(1), values = Normal(2), next = Normal(3), expected = new(count + 16), advantages = new(count + 16), returns = new(count + 16);
        byte[] terminated = Flags(count, 4), truncated = Flags(count, 5);
        Gae.Compute(KernelVariant.Reference, Of(rewards), Of(values), Of(next), terminated, truncated, steps, environments, 0.98f, 0.9f, Of(expected), default);
        foreach (KernelVariant variant in Guarded.Variants)
        {
            Gae.Compute(variant, Of(rewards), Of(values), Of(next), terminated, truncated, steps, environments, 0.98f, 0.9f, Of(advantages), Of(returns));
            Assert.True(Of(expected).SequenceEqual(Of(advantages)), $"{variant}");
            for (int i = 0; i < count; i++) Assert.Equal(Of(advantages)[i] + Of(values)[i], Of(returns)[i]);
        }

        truncated[count - 1] = 2;
        Assert.Contains($"element {count - 1} is 2", Assert.Throws<ArgumentException>(() => Gae.Compute(Of(rewards), Of(values), Of(next), terminated, truncated, steps, environments, 0.98f, 0.9f, Of(advantages), Of(returns))).Message, StringComparison.Ordinal);

        // Streamed stores need aligned memory; other offsets take the other way.
        Span<float> Of(NativeBuffer<float> buffer) => buffer.Span.Slice(offset, count);

        NativeBuffer<float> Normal(uint name)
        {
            var buffer = new NativeBuffer<float>(count + 16);
            Philox.FillNormal(buffer.Span, new PhiloxKey(1, PhiloxStream.Latent, name));
            return buffer;
        }
    }

    [Fact]
    public void Without_ends_advantages_are_discounted_sums()
    {
        float[] rewards = [1, 2, 3], zeros = new float[3], advantages = new float[3], returns = new float[3];
        Gae.Compute(rewards, zeros, zeros, new byte[3], new byte[3], 3, 1, 0.5f, 1f, advantages, returns);
        Assert.Equal([1 + 0.5f * (2 + 0.5f * 3), 2 + 0.5f * 3, 3], advantages);
        Assert.Equal(advantages, returns);
    }

    [Fact]
    public void Termination_forgets_the_next_value_and_truncation_keeps_it()
    {
        float[] advantages = new float[2];
        Gae.Compute([1, 1], [0, 0], [10, 10], [1, 0], [0, 1], 1, 2, 0.5f, 1f, advantages, default);
        Assert.Equal([1f, 6f], advantages);
    }

    [Fact]
    public void Wrong_arguments_are_named()
    {
        float[] four = new float[4];
        byte[] flags = new byte[4];
        Assert.Contains("T·B = 6", Assert.Throws<ArgumentException>(() => Gae.Compute(four, four, four, flags, flags, 3, 2, 1, 1, four, four)).Message, StringComparison.Ordinal);
        flags[2] = 7;
        Assert.Contains("element 2 is 7", Assert.Throws<ArgumentException>(() => Gae.Compute(four, four, four, flags, flags, 2, 2, 1, 1, four, four)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Gae.Normalise(new float[1]));
        Assert.Throws<ArgumentException>(() => Gae.Normalise(four, -1f));
    }

    private static byte[] Flags(int count, uint name)
    {
        var random = new PhiloxRandom(new PhiloxKey(1, PhiloxStream.Latent, name));
        var flags = new byte[count];
        for (int i = 0; i < count; i++) flags[i] = random.NextFloat() < 0.2f ? (byte)1 : (byte)0;
        return flags;
    }
}
