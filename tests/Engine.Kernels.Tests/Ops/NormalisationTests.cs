using Engine.Kernels.Ops.LayerNorm;
using Engine.Kernels.Ops.Softmax;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Ops;

public class NormalisationTests
{
    [Fact]
    public void Layer_norm_variants_agree_at_all_widths()
    {
        const int Rows = 5;
        for (int width = 1; width <= 257; width++)
        {
            int stride = width + 3;
            Guarded x = Guarded.Normal(Rows * width, (uint)width), shifts = Guarded.Normal(2 * stride + width, 1), scales = Guarded.Normal(2 * stride + width, 2), expected = new(Rows * width);
            for (int i = 0; i < x.Span.Length; i++) x.Span[i] = 3 * x.Span[i] + 20;
            LayerNorm.Modulate(KernelVariant.Reference, x.Span, Rows, width, shifts.Span, scales.Span, stride, 3, 1, expected.Span, 1e-6f);
            foreach (KernelVariant variant in Guarded.Variants)
            {
                Guarded y = new(Rows * width, 3), same = x.Copy();
                LayerNorm.Modulate(variant, x.Span, Rows, width, shifts.Span, scales.Span, stride, 3, 1, y.Span, 1e-6f);
                LayerNorm.Modulate(variant, same.Span, Rows, width, shifts.Span, scales.Span, stride, 3, 1, same.Span, 1e-6f);
                // A single number, or a few close ones, is all cancellation: the mean's last bit shows.
                Guarded.Near(expected.Span, y.Span, width < 4 ? 5e-3f : 5e-5f, 1e-5f, $"{variant} width {width}");
                Assert.Equal(y.Span.ToArray(), same.Span.ToArray());
                y.AssertIntact();
            }
        }
    }

    [Fact]
    public void Soft_max_variants_agree_at_all_widths()
    {
        for (int width = 1; width <= 257; width++)
        {
            Guarded expected = Guarded.Normal(3 * width, (uint)width);
            for (int i = 0; i < width; i++) expected.Span[i] = 10 * expected.Span[i] + 1000;
            Guarded source = expected.Copy();
            Softmax.Apply(KernelVariant.Reference, expected.Span, 3, width);
            foreach (KernelVariant variant in Guarded.Variants)
            {
                Guarded y = source.Copy();
                Softmax.Apply(variant, y.Span, 3, width);
                Guarded.Near(expected.Span, y.Span, 1e-7f, 2e-6f, $"{variant} width {width}");
                y.AssertIntact();
            }
        }
    }

    [Fact]
    public void Wrong_lengths_are_named()
    {
        float[] six = new float[6];
        Assert.Contains("rows × width", Assert.Throws<ArgumentException>(() => Softmax.Apply(six, 2, 4)).Message, StringComparison.Ordinal);
        Assert.Contains("rows × width", Assert.Throws<ArgumentException>(() => LayerNorm.Modulate(six, 2, 4, six, six, 0, 1, 0, six)).Message, StringComparison.Ordinal);
        Assert.Contains("shifts", Assert.Throws<ArgumentException>(() => LayerNorm.Modulate(six, 2, 3, six, six, 4, 1, 0, six)).Message, StringComparison.Ordinal);
    }
}
