using Engine.Training.Torch;

namespace Engine.Training.Tests.Models;

/// <summary>The fused operations against the same formulas in libtorch's plain ones, values and gradients.</summary>
public sealed class FusedOperationsTests
{
    public static TheoryData<int, int, bool, bool> Attentions()
    {
        var data = new TheoryData<int, int, bool, bool>();
        foreach (int width in (ReadOnlySpan<int>)[8, 16, 24, 32, 48, 64])
        {
            foreach (bool temporal in (ReadOnlySpan<bool>)[false, true])
            {
                data.Add(width, 1, temporal, true);
                data.Add(width, 3, temporal, false);
            }
        }

        return data;
    }

    /// <summary>Every length 1 … 33, so every remainder of the vector width and of the padding to 16.</summary>
    [Theory]
    [MemberData(nameof(Attentions))]
    public void Attention_and_its_gradient_are_the_plain_ones(int width, int heads, bool temporal, bool masked)
    {
        for (int length = 1; length <= 33; length++)
        {
            using var scope = new TensorScope();
            var init = new WeightInitialiser((ulong)(length * 100 + width));
            const int batch = 2, other = 2;
            int frames = temporal ? length : other, places = temporal ? other : length;
            Tensor values = init.Normal(1, batch, frames, places, 3, heads, width), weight = init.Normal(1, batch, frames, places, heads * width);
            var (cos, sin) = Rotary(length, width);
            Tensor? mask = masked ? Window(length, 5) : null;
            Tensor fused = values.Clone(), plain = values.Clone();
            fused.RequiresGrad = plain.RequiresGrad = true;
            Tensor a = FusedOperations.SmallAttention(fused, cos, sin, mask, temporal), b = Plain(plain, cos, sin, mask, temporal);
            Assert.Equal(b.Shape, a.Shape);
            Torch.Expect.Near(b.ToArray(), a.ToArray(), 2e-5, 1e-5);
            (a * weight).Sum().Backward();
            (b * weight).Sum().Backward();
            Torch.Expect.Near(plain.Grad!.ToArray(), fused.Grad!.ToArray(), 1e-4, 1e-4);
        }
    }

    [Fact]
    public void Attention_takes_inputs_that_are_not_contiguous()
    {
        using var scope = new TensorScope();
        Tensor values = new WeightInitialiser(3).Normal(1, 3, 5, 2, 3, 2, 8);
        var (cos, sin) = Rotary(5, 8);
        Tensor turned = values.Transpose(1, 2);
        Torch.Expect.Near(
            FusedOperations.SmallAttention(turned.Clone().Contiguous(), cos, sin, null, false).ToArray(),
            FusedOperations.SmallAttention(turned, cos, sin, null, false).ToArray(), 0);
    }

    [Fact]
    public void Large_scores_do_not_overflow()
    {
        using var scope = new TensorScope();
        Tensor values = new WeightInitialiser(4).Normal(1, 1, 1, 17, 3, 1, 16) * 200.0;
        values.RequiresGrad = true;
        var (cos, sin) = Rotary(17, 16);
        Tensor output = FusedOperations.SmallAttention(values, cos, sin, null, false);
        Torch.Expect.Near(Plain(values, cos, sin, null, false).ToArray(), output.ToArray(), 5e-2, 1e-3);
        output.Sum().Backward();
        Assert.All(values.Grad!.ToArray(), g => Assert.True(float.IsFinite(g)));
    }

    [Fact]
    public void Tables_and_masks_of_other_sizes_are_refused()
    {
        using var scope = new TensorScope();
        Tensor values = Tensor.Zeros(1, 4, 3, 3, 1, 8);
        var (cos, sin) = Rotary(3, 8);
        Assert.Throws<TorchException>(() => FusedOperations.SmallAttention(values, cos, sin, null, temporal: true));
        Assert.Throws<TorchException>(() => FusedOperations.SmallAttention(values, cos, sin, Window(4, 4), temporal: false));
        Assert.Throws<TorchException>(() => FusedOperations.SmallAttention(values.Select(0, 0), cos, sin, null, temporal: false));
    }

    [Fact]
    public void Gelu_and_its_gradient_are_those_of_the_tanh_form_at_every_length()
    {
        var init = new WeightInitialiser(8);
        for (int length = 1; length <= 67; length++)
        {
            using var scope = new TensorScope();
            Compare(init.Normal(3, length), init.Normal(1, length));
        }

        using (new TensorScope())
        {
            float[] far = [-1e4f, -100, -30, -20, -10, -5, -1e-3f, -0f, 0, 1e-6f, 1e-3f, 5, 10, 20, 30, 100, 1e4f];
            Compare(Tensor.FromSpan(far, far.Length), Tensor.Ones(far.Length));
        }

        static void Compare(Tensor x, Tensor weight)
        {
            Tensor fused = x.Clone(), plain = x.Clone();
            fused.RequiresGrad = plain.RequiresGrad = true;
            Tensor a = FusedOperations.FastGelu(fused);
            Tensor b = plain * 0.5 * (((plain + plain * plain * plain * 0.044715) * Math.Sqrt(2 / Math.PI)).Tanh() + 1);
            Torch.Expect.Near(b.ToArray(), a.ToArray(), 2e-6, 1e-6);
            (a * weight).Sum().Backward();
            (b * weight).Sum().Backward();
            Torch.Expect.Near(plain.Grad!.ToArray(), fused.Grad!.ToArray(), 1e-5, 1e-5);
        }
    }

    private static Tensor Plain(Tensor qkv, Tensor cos, Tensor sin, Tensor? mask, bool temporal)
    {
        long batch = qkv.Size(0), frames = qkv.Size(1), places = qkv.Size(2), heads = qkv.Size(4), width = qkv.Size(5);
        // [3, B, group, heads, L, width]
        Tensor grouped = temporal ? qkv.Permute(3, 0, 2, 4, 1, 5) : qkv.Permute(3, 0, 1, 4, 2, 5);
        Tensor q = Rotate(grouped.Select(0, 0)), k = Rotate(grouped.Select(0, 1)), v = grouped.Select(0, 2);
        Tensor scores = q.MatMul(k.Transpose(-2, -1)) / Math.Sqrt(width);
        if (mask is not null) scores = scores + mask;
        Tensor mixed = scores.Softmax(-1).MatMul(v);
        return (temporal ? mixed.Permute(0, 3, 1, 2, 4) : mixed.Permute(0, 1, 3, 2, 4)).Reshape(batch, frames, places, heads * width);

        Tensor Rotate(Tensor x)
        {
            Tensor pairs = x.Reshape(x.Size(0), x.Size(1), x.Size(2), x.Size(3), width / 2, 2);
            return x * cos + pairs.Flip(5).Reshape(x.Shape) * sin;
        }
    }

    /// <summary>Angles that are no function of the position's order, so that rows cannot be mistaken for one another.</summary>
    private static (Tensor Cos, Tensor Sin) Rotary(int length, int width)
    {
        var cos = new float[length * width];
        var sin = new float[length * width];
        for (int p = 0; p < length; p++)
        {
            for (int c = 0; c < width; c++)
            {
                float angle = p * 0.7f / (1 + c / 2) + 0.1f * (c / 2);
                cos[p * width + c] = MathF.Cos(angle);
                sin[p * width + c] = c % 2 == 0 ? -MathF.Sin(angle) : MathF.Sin(angle);
            }
        }

        return (Tensor.FromSpan(cos, length, width), Tensor.FromSpan(sin, length, width));
    }

    private static Tensor Window(int length, int window)
    {
        var values = new float[length * length];
        for (int i = 0; i < length; i++)
            for (int j = 0; j < length; j++) values[i * length + j] = j <= i && i - j < window ? 0 : float.NegativeInfinity;
        return Tensor.FromSpan(values, length, length);
    }
}
