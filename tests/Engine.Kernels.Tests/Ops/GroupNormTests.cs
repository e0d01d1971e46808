using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.GroupNorm;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Ops;

public class GroupNormTests
{
    public static TheoryData<int, int, int> Shapes()
    {
        var data = new TheoryData<int, int, int>();
        foreach (int pixels in new[] { 1, 2, 3, 64, 257 })
        {
            foreach (var (channels, groups) in new[] { (1, 1), (5, 5), (8, 2), (16, 8), (24, 8), (33, 3), (96, 8) }) data.Add(pixels, channels, groups);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Vector_variants_give_the_same_bits_and_are_near_the_reference(int pixels, int channels, int groups)
    {
        Guarded x = Guarded.Normal(pixels * channels, 1), scale = Guarded.Normal(channels, 2), shift = Guarded.Normal(channels, 3);
        for (int i = 0; i < x.Span.Length; i++) x.Span[i] = 3 * x.Span[i] + 5;
        foreach (var function in new[] { ActivationFunction.None, ActivationFunction.Silu })
        {
            Guarded expected = new(pixels * channels);
            GroupNorm.Apply(KernelVariant.Reference, x.Span, pixels, channels, groups, scale.Span, shift.Span, function, expected.Span, 0, pixels, 1e-5f);
            float[]? first = null;
            foreach (KernelVariant variant in Guarded.Variants.Where(v => v != KernelVariant.Reference))
            {
                Guarded y = new(pixels * channels, 5);
                GroupNorm.Apply(variant, x.Span, pixels, channels, groups, scale.Span, shift.Span, function, y.Span, 0, pixels, 1e-5f);
                y.AssertIntact();

                // A group of few numbers that are nearly equal is divided by little: an error of x's last bit shows.
                Guarded.Near(expected.Span, y.Span, pixels * channels / groups < 8 ? 1e-3f : 2e-5f, 1e-5f, $"{variant} {function}");
                first ??= y.Span.ToArray();
                Assert.Equal(first, y.Span.ToArray());
            }
        }
    }

    [Fact]
    public void A_pixel_gives_the_same_bits_whichever_are_computed_with_it()
    {
        const int Pixels = 37, Channels = 24;
        Guarded x = Guarded.Normal(Pixels * Channels, 1), scale = Guarded.Normal(Channels, 2), shift = Guarded.Normal(Channels, 3);
        float[] whole = new float[Pixels * Channels], parts = new float[Pixels * Channels];
        GroupNorm.Apply(x.Span, Pixels, Channels, 8, scale.Span, shift.Span, ActivationFunction.Silu, whole, 0, Pixels);
        for (int pixel = 0; pixel < Pixels; pixel++) GroupNorm.Apply(x.Span, Pixels, Channels, 8, scale.Span, shift.Span, ActivationFunction.Silu, parts, pixel, pixel + 1);
        Assert.Equal(whole, parts);
    }

    [Fact]
    public void Wrong_lengths_are_named()
    {
        float[] x = new float[12], y = new float[12], vector = new float[4];
        Assert.Contains("divide the 4", Assert.Throws<ArgumentException>(() => GroupNorm.Apply(x, 3, 4, 3, vector, vector, ActivationFunction.None, y, 0, 3)).Message, StringComparison.Ordinal);
        Assert.Contains("3 × 4", Assert.Throws<ArgumentException>(() => GroupNorm.Apply(x.AsSpan(1), 3, 4, 2, vector, vector, ActivationFunction.None, y, 0, 3)).Message, StringComparison.Ordinal);
        Assert.Contains("scale", Assert.Throws<ArgumentException>(() => GroupNorm.Apply(x, 3, 4, 2, x, vector, ActivationFunction.None, y, 0, 3)).Message, StringComparison.Ordinal);
        Assert.Contains("0…3", Assert.Throws<ArgumentException>(() => GroupNorm.Apply(x, 3, 4, 2, vector, vector, ActivationFunction.None, y, 2, 4)).Message, StringComparison.Ordinal);
    }
}
