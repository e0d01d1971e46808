using Engine.Kernels.Ops.Pixels;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Ops;

public class PixelsTests
{
    [Fact]
    public void All_variants_give_the_same_numbers_and_bytes()
    {
        for (int length = 0; length <= 257; length++)
        {
            byte[] bytes = [.. Enumerable.Range(0, length).Select(i => (byte)(i * 7))];
            Guarded expected = new(length), wide = Guarded.Normal(length, 1);
            Pixels.ToNumbers(KernelVariant.Reference, bytes, expected.Span);
            byte[] limited = new byte[length];
            Pixels.ToBytes(KernelVariant.Reference, wide.Span, limited);
            foreach (KernelVariant variant in Guarded.Variants)
            {
                Guarded numbers = new(length, 3);
                Pixels.ToNumbers(variant, bytes, numbers.Span);
                numbers.AssertIntact();
                Assert.Equal(expected.Span.ToArray(), numbers.Span.ToArray());
                byte[] back = new byte[length + 32];
                Pixels.ToBytes(variant, numbers.Span, back.AsSpan(16, length));
                Assert.Equal(bytes, back[16..(16 + length)]);
                Pixels.ToBytes(variant, wide.Span, back.AsSpan(16, length));
                Assert.Equal(limited, back[16..(16 + length)]);
                Assert.True(back.AsSpan(0, 16).IndexOfAnyExcept((byte)0) < 0 && back.AsSpan(16 + length).IndexOfAnyExcept((byte)0) < 0);
            }
        }
    }

    [Fact]
    public void Bytes_are_the_nearest_and_numbers_beyond_the_range_are_limited()
    {
        byte[] bytes = new byte[6];
        Pixels.ToBytes([-7f, -1f, -0.003f, 0.005f, 1f, 7f], bytes);
        Assert.Equal([0, 0, 127, 128, 255, 255], bytes);
        Assert.Contains("5", Assert.Throws<ArgumentException>(() => Pixels.ToNumbers(bytes, new float[5])).Message, StringComparison.Ordinal);
    }
}
