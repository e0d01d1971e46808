using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Policies;
using Engine.Training.Algorithms;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Rollouts;
using Engine.Training.Tests.Learning;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Models;

public sealed class VlaPolicyTests
{
    private static VlaArchitecture Small(int horizon = 2, int bins = 32) => new()
    {
        ImageSize = 16,
        Tokens = 9,
        MaxWords = 4,
        StateWidth = 3,
        ActionWidth = 3,
        Horizon = horizon,
        Bins = bins,
        Hidden = 32,
        Dim = 32,
        Layers = 2,
        Heads = 2,
        PrefixTokens = 3,
    };

    [Fact]
    public void Acting_with_a_cache_and_teacher_forcing_give_the_same_logits()
    {
        using var policy = new VlaPolicy(new WeightInitialiser(3), Small());
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        const int batch = 5;
        var (images, words, states) = Inputs(batch);
        var uniforms = new float[batch * policy.TokenCount];
        Philox.FillUniform(uniforms, new PhiloxKey(4, PhiloxStream.ActionSampling));
        var (classes, logits) = policy.Act(images, words, states, 1, uniforms);
        Tensor forced = policy.Logits(images, words, states, classes);
        Assert.Equal([batch, policy.TokenCount, 32], forced.Shape);
        Torch.Expect.Near(forced.ToArray(), logits.ToArray(), 1e-5, 1e-5);

        // And the drawn classes are those of the tempered distribution's inverse.
        float[] probabilities = forced.Softmax(2).ToArray();
        long[] drawn = classes.ToInt64Array();
        for (int i = 0; i < drawn.Length; i++)
        {
            double below = 0;
            for (int c = 0; c < drawn[i]; c++) below += probabilities[i * 32 + c];
            Assert.InRange(uniforms[i], below - 1e-5, below + probabilities[i * 32 + drawn[i]] + 1e-5);
        }
    }

    [Fact]
    public void A_token_depends_on_the_tokens_before_it_and_on_no_later_one()
    {
        using var policy = new VlaPolicy(new WeightInitialiser(3), Small());
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        var (images, words, states) = Inputs(1);
        var classes = new long[] { 3, 9, 27, 14, 5, 20 };
        float[] before = policy.Logits(images, words, states, Tensor.FromSpan(classes, 1, 6)).ToArray();
        classes[2] = 1;
        float[] after = policy.Logits(images, words, states, Tensor.FromSpan(classes, 1, 6)).ToArray();
        Assert.Equal(before[..(3 * 32)], after[..(3 * 32)]);
        for (int token = 3; token < 6; token++) Assert.NotEqual(before[(token * 32)..(token * 32 + 32)], after[(token * 32)..(token * 32 + 32)]);
    }

    [Fact]
    public void Every_input_matters()
    {
        using var policy = new VlaPolicy(new WeightInitialiser(3), Small());
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        var (images, words, states) = Inputs(1);
        Tensor classes = Tensor.Zeros(1, 6).To(ScalarType.Int64);
        float[] logits = policy.Logits(images, words, states, classes).ToArray();
        Assert.NotEqual(logits, policy.Logits(images.Flip(3), words, states, classes).ToArray());
        Assert.NotEqual(logits, policy.Logits(images, Tensor.FromSpan([2L, 1, 0, 0], 1, 4), states, classes).ToArray());
        Assert.NotEqual(logits, policy.Logits(images, words, states + 0.5, classes).ToArray());
    }

    /// <summary>χ² over the bins, uniforms (i + ½)/n in a shuffled order: the counts must follow the distribution, tempered or not.</summary>
    [Theory]
    [InlineData(1f)]
    [InlineData(0.5f)]
    [InlineData(2f)]
    public void Samples_follow_the_distribution(float temperature)
    {
        using var policy = new VlaPolicy(new WeightInitialiser(3), Small(horizon: 1, bins: 16));
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        const int batch = 4000, tokens = 3;
        Sharpen(policy);
        var (images, words, states) = Inputs(1);
        var uniforms = new float[batch * tokens];
        var random = new PhiloxRandom(new PhiloxKey(6, PhiloxStream.ActionSampling));
        for (int i = 0; i < uniforms.Length; i++) uniforms[i] = random.NextFloat();
        var (classes, logits) = policy.Act(images.Expand(batch, -1, -1, -1).Contiguous(), words.Expand(batch, -1).Contiguous(), states.Expand(batch, -1).Contiguous(), temperature, uniforms);
        long[] drawn = classes.ToInt64Array();
        // The probabilities of the sample's own context, so that later tokens are tested as well as the first.
        float[] probabilities = (logits / temperature).Softmax(2).ToArray();
        for (int token = 0; token < tokens; token++)
        {
            var (observed, expected) = (new double[16], new double[16]);
            for (int b = 0; b < batch; b++)
            {
                observed[drawn[b * tokens + token]]++;
                for (int c = 0; c < 16; c++) expected[c] += probabilities[(b * tokens + token) * 16 + c];
            }

            Assert.True(expected.Max() > 1.5 * expected.Min(), "the distribution is nearly uniform: the test would say little");
            double statistic = 0;
            for (int c = 0; c < 16; c++) statistic += (observed[c] - expected[c]) * (observed[c] - expected[c]) / Math.Max(expected[c], 1e-9);
            // 15 degrees of freedom: 44.3 is the point of one in ten thousand.
            Assert.True(statistic < 44.3, $"token {token}: χ² = {statistic:F1}");
        }
    }

    [Fact]
    public void Temperature_zero_takes_the_greatest_logit()
    {
        using var policy = new VlaPolicy(new WeightInitialiser(3), Small());
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        var (images, words, states) = Inputs(4);
        var (classes, logits) = policy.Act(images, words, states, 0, []);
        Assert.Equal(logits.ArgMax(2).ToInt64Array(), classes.ToInt64Array());
        Assert.Throws<ArgumentException>(() => policy.Act(images, words, states, 1, new float[3]));
    }

    [Fact]
    public void A_samples_action_does_not_depend_on_the_rest_of_the_batch()
    {
        using var policy = new VlaPolicy(new WeightInitialiser(3), Small());
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        var (images, words, states) = Inputs(6);
        var uniforms = new float[6 * policy.TokenCount];
        Philox.FillUniform(uniforms, new PhiloxKey(4, PhiloxStream.ActionSampling));
        var (all, together) = policy.Act(images, words, states, 1, uniforms);
        var (one, alone) = policy.Act(images.Narrow(0, 3, 1).Contiguous(), words.Narrow(0, 3, 1).Contiguous(), states.Narrow(0, 3, 1).Contiguous(), 1, uniforms.AsSpan(3 * policy.TokenCount, policy.TokenCount));
        Torch.Expect.Near(together.Narrow(0, 3, 1).Contiguous().ToArray(), alone.ToArray(), 1e-5, 1e-5);
        Assert.Equal(all.Narrow(0, 3, 1).Contiguous().ToInt64Array(), one.ToInt64Array());
    }

    /// <summary>Classes are numbered upwards, tokens downwards from the end of the vocabulary: class = vocabulary − 1 − token.</summary>
    [Theory]
    [InlineData(256)]
    [InlineData(16)]
    [InlineData(33)]
    public void Classes_and_values_are_the_action_tokenizers(int bins)
    {
        var tokenizer = new ActionTokenizer(bins);
        var values = new List<float> { -2, -1, 1, 2, 0, float.NegativeInfinity, float.PositiveInfinity };
        foreach (double edge in tokenizer.Edges) values.AddRange([(float)edge, MathF.BitIncrement((float)edge), MathF.BitDecrement((float)edge)]);
        for (int i = 0; i <= 2000; i++) values.Add(-1.05f + 2.1f * i / 2000);
        foreach (float value in values)
        {
            int token = tokenizer.Encode(value), @class = VlaPolicy.ClassOf(value, bins);
            Assert.True(bins - 1 - token == @class, $"{value:R}: class {@class}, expected {bins - 1 - token}");
        }

        for (int @class = 0; @class < bins; @class++) Assert.Equal(tokenizer.Decode(bins - 1 - @class), VlaPolicy.ValueOf(@class, bins), 1e-7f);

        using var policy = new VlaPolicy(new WeightInitialiser(3), Small(bins: bins));
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        float[] centres = policy.Values(Tensor.Arange(bins)).ToArray();
        for (int @class = 0; @class < bins; @class++) Assert.Equal(VlaPolicy.ValueOf(@class, bins), centres[@class], 1e-6f);
    }

    [Fact]
    public void The_policy_of_a_rollout_is_the_network_in_the_contracts_units()
    {
        var world = new TinyWorld(2, 3);
        using var network = new VlaPolicy(new WeightInitialiser(5), world.Architecture());
        using var policy = new TorchPolicy(network, world.Contract);
        byte[] images = [.. world.Set.Image(0, 1), .. world.Set.Image(1, 2)];
        var states = new float[16];
        for (int i = 0; i < 8; i++) (states[i], states[8 + i]) = (world.Set.Episodes[0].States[1, i], world.Set.Episodes[1].States[2, i]);
        float[] untouched = [.. states];
        var actions = new float[14];
        policy.Act(new() { Count = 2, Instructions = [.. world.Set.Episodes.Select(e => e.Instruction)], Images = new() { [TinyWorld.CameraName] = images }, States = states }, actions);
        Assert.Equal(untouched, states);

        for (int n = 0; n < 2; n++) world.Encoding.NormaliseState(states.AsSpan(n * 8, 8));
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        long[] words = [.. world.Set.Tokens[0], .. world.Set.Tokens[1]];
        var (classes, _) = network.Act(ImageBatch.FromBytes(images, 16, 16), Tensor.FromSpan(words, 2, 4), Tensor.FromSpan(states, 2, 8), 0, []);
        var expected = new float[14];
        world.Encoding.Decode(classes.ToInt64Array(), expected);
        Assert.Equal(expected, actions);
        Assert.All(new[] { 2, 3, 4, 5 }, i => Assert.Equal(0, actions[i]));
        Assert.Throws<ArgumentException>(() => policy.Act(new() { Count = 1, Instructions = ["go"], Images = new() { ["wrist"] = images }, States = states }, actions));
    }

    private static (Tensor Images, Tensor Words, Tensor States) Inputs(int batch)
    {
        var init = new WeightInitialiser(21);
        var words = new long[batch * 4];
        for (int i = 0; i < words.Length; i++) words[i] = i % 4 == 3 ? 0 : 1 + i * 5 % 7;
        return (init.Normal(0.5, batch, 3, 16, 16).ChannelsLast(), Tensor.FromSpan(words, batch, 4), init.Normal(0.5, batch, 3));
    }

    private static void Sharpen(VlaPolicy policy)
    {
        foreach (var (name, parameter) in policy.NamedParameters())
        {
            if (name == "head.weight") parameter.MulInPlace(3);
        }
    }
}
