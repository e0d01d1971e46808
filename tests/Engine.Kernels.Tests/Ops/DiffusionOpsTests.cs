using Engine.Kernels.Ops.DdimUpdate;
using Engine.Kernels.Ops.Patchify;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Tests.Ops;

public class DiffusionOpsTests
{
    [Fact]
    public void Sampling_step_variants_agree_at_all_lengths()
    {
        foreach (bool change in new[] { false, true })
        {
            DdimStep step = DdimStep.Between(0.3, 0.7, change);
            for (int columns = 1; columns <= 257; columns++)
            {
                const int Rows = 3;
                int stride = columns + 2;
                Guarded source = Guarded.Normal((Rows - 1) * stride + columns, 1), v = Guarded.Normal(Rows * columns, 2), previous = Guarded.Normal((Rows - 1) * stride + columns, 3);
                Guarded expected = source.Copy();
                DdimUpdate.Apply(KernelVariant.Reference, expected.Span, stride, v.Span, previous.Span, stride, Rows, columns, step);
                for (int row = 0; row < Rows; row++)
                {
                    for (int i = 0; i < columns; i++)
                    {
                        double velocity = v.Span[row * columns + i] - (change ? Math.Sqrt(0.7) * previous.Span[row * stride + i] : 0), x = source.Span[row * stride + i];
                        double clean = Math.Sqrt(0.3) * x - Math.Sqrt(0.7) * velocity, noise = Math.Sqrt(0.7) * x + Math.Sqrt(0.3) * velocity;
                        Assert.Equal(Math.Sqrt(0.7) * clean + Math.Sqrt(0.3) * noise, expected.Span[row * stride + i], 2e-6);
                    }
                }

                foreach (KernelVariant variant in Guarded.Variants)
                {
                    Guarded x = source.Copy();
                    DdimUpdate.Apply(variant, x.Span, stride, v.Span, change ? previous.Span : default, stride, Rows, columns, step);
                    Assert.Equal(expected.Span.ToArray(), x.Span.ToArray());
                    x.AssertIntact();
                }
            }
        }
    }

    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(4, 6, 3, 2)]
    [InlineData(6, 10, 4, 2)]
    [InlineData(9, 3, 5, 3)]
    public void Patches_follow_the_index_formula_and_come_back(int height, int width, int channels, int patch)
    {
        int numbers = patch * patch * channels, tokens = height / patch * (width / patch), stride = numbers + 3;
        Guarded latents = Guarded.Normal(height * width * channels, 1), gathered = new((tokens - 1) * stride + numbers), back = new(height * width * channels);
        Patchify.ToTokens(latents.Span, height, width, channels, patch, 0.5f, gathered.Span, stride);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                for (int c = 0; c < channels; c++)
                {
                    int token = y / patch * (width / patch) + x / patch, inner = (y % patch * patch + x % patch) * channels + c;
                    Assert.Equal(0.5f * latents.Span[(y * width + x) * channels + c], gathered.Span[token * stride + inner]);
                }
            }
        }

        gathered.AssertIntact();
        Patchify.ToTokens(latents.Span, height, width, channels, patch, 1f, gathered.Span, stride);
        Patchify.FromTokens(gathered.Span, stride, height, width, channels, patch, back.Span);
        Assert.Equal(latents.Span.ToArray(), back.Span.ToArray());
        back.AssertIntact();
    }

    [Fact]
    public void Wrong_arguments_are_named()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => DdimStep.Between(1.5, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => DdimStep.Between(0.5, double.NaN));
        float[] twelve = new float[12];
        Assert.Contains("previous", Assert.Throws<ArgumentException>(() => DdimUpdate.Apply(twelve, 4, new float[12], default, 4, 3, 4, DdimStep.Between(0.3, 0.7, true))).Message, StringComparison.Ordinal);
        Assert.Contains("patches", Assert.Throws<ArgumentException>(() => Patchify.ToTokens(twelve, 3, 4, 1, 2, 1, twelve, 4)).Message, StringComparison.Ordinal);
    }
}
