using Engine.Runtime.Contract;
using Engine.Runtime.Policies;
using Engine.Runtime.Weights;
using Engine.Tests.Shared;

namespace Engine.Runtime.Tests.Policies;

public sealed class ActionTokenizerTests
{
    private readonly Lazy<Dictionary<string, NamedArray>> _golden = new(() => Npz.Read(Golden.Path("openvla_tokenizer.npz")));

    [Theory]
    [InlineData("enc")]
    [InlineData("enc2")]
    public void Encoding_is_exact_at_every_edge(string set)
    {
        var tokenizer = new ActionTokenizer(256, (int)Int64("vocab_size")[0]);
        float[] values = Float32($"{set}.values");
        var tokens = new int[values.Length];
        tokenizer.Encode(values, tokens);
        Assert.Equal(Int64($"{set}.token_ids"), tokens.Select(t => (long)t));
    }

    [Fact]
    public void Bins_and_decoding_are_the_originals()
    {
        var tokenizer = new ActionTokenizer(256, 32000);
        Assert.Equal(Float32("bins"), tokenizer.Edges.ToArray().Select(v => (float)v));
        Assert.Equal(Float32("bin_centers"), tokenizer.Centres.ToArray().Select(v => (float)v));
        Assert.Equal(Float32("dec.actions"), Int64("dec.token_ids").Select(t => tokenizer.Decode((int)t)));
        Assert.Equal((float)tokenizer.Centres[0], tokenizer.Decode(int.MaxValue));
        Assert.Equal((float)tokenizer.Centres[254], tokenizer.Decode(int.MinValue));
    }

    [Fact]
    public void Other_bin_counts_agree()
    {
        string[] sets = [.. _golden.Value.Keys.Where(k => k.StartsWith("bins", StringComparison.Ordinal) && k.EndsWith(".values", StringComparison.Ordinal))];
        Assert.True(sets.Length >= 2);
        foreach (string set in sets.Select(s => s[..^7]))
        {
            var tokenizer = new ActionTokenizer(int.Parse(set[4..], System.Globalization.CultureInfo.InvariantCulture), 1000);
            long[] tokens = [.. Float32($"{set}.values").Select(v => (long)tokenizer.Encode(v))];
            Assert.Equal(Int64($"{set}.token_ids"), tokens);
            AssertClose(Float32($"{set}.decoded"), [.. tokens.Select(t => tokenizer.Decode((int)t))], 1e-7);
        }
    }

    [Fact]
    public void Predictions_are_unnormalised()
    {
        var tokenizer = new ActionTokenizer(256, 32000);
        int[] tokens = [.. Int64("predict.token_ids").Select(t => (int)t)];
        var values = new float[tokens.Length];
        foreach ((string name, bool masked) in new[] { ("predict.with_mask", true), ("predict.no_mask", false) })
        {
            tokenizer.Decode(tokens, values);
            ActionTokenizer.Unnormalise(Statistics(masked), values, values);
            AssertClose(Float32(name), values, 1e-6);
        }
    }

    [Fact]
    public void Normalisation_agrees_both_ways()
    {
        NormalisationStatistics statistics = Statistics(masked: true);
        float[] x = Float32("norm.x"), result = new float[x.Length];
        ActionTokenizer.Normalise(statistics, x, result, Unused("norm"));
        AssertClose(Float32("norm.out"), result, 1e-6);
        ActionTokenizer.Unnormalise(statistics, Float32("norm.out"), result);
        AssertClose(Float32("unnorm.out"), result, 1e-6);
        ActionTokenizer.Normalise(statistics, x, result, Unused("norm_unused"));
        AssertClose(Float32("norm_unused.out"), result, 1e-6);
        ActionTokenizer.NormaliseGaussian(
            statistics with { Mean = Float32("norm_gauss.mean"), Std = Float32("norm_gauss.std") }, x, result);
        AssertClose(Float32("norm_gauss.out"), result, 1e-6);
    }

    [Fact]
    public void Logits_give_probabilities_and_soft_actions()
    {
        int vocabulary = (int)Int64("ia.vocab_size")[0];
        var tokenizer = new ActionTokenizer(256, vocabulary);
        NormalisationStatistics statistics = Statistics(masked: true);
        float[] normalised = Float32("ia.actions"), logits = Float32("ia.logits"), logProbabilities = Float32("ia.log_prob");
        ActionTokenizer.Normalise(statistics, normalised, normalised);
        var tokens = new int[normalised.Length];
        tokenizer.Encode(normalised, tokens);
        Assert.Equal(Int64("ia.token_ids"), tokens.Select(t => (long)t));
        for (int b = 0; b < logProbabilities.Length; b++)
        {
            double got = tokenizer.LogProbability(logits.AsSpan(b * 7 * vocabulary, 7 * vocabulary), tokens.AsSpan(b * 7, 7));
            Assert.Equal(logProbabilities[b], got, 1e-4);
        }

        var values = new float[tokens.Length];
        tokenizer.ArgMax(logits, tokens);
        tokenizer.Decode(tokens, values);
        ActionTokenizer.Unnormalise(statistics, values, values);
        AssertClose(Float32("ia.decode_argmax"), values, 1e-6);
        foreach ((string name, double temperature) in new[] { ("ia.decode_soft_t1", 1.0), ("ia.decode_soft_t025", 0.25) })
        {
            tokenizer.DecodeSoft(logits, temperature, values);
            ActionTokenizer.Unnormalise(statistics, values, values);
            AssertClose(Float32(name), values, 1e-6);
        }
    }

    [Fact]
    public void A_vocabulary_of_actions_alone_starts_at_0()
    {
        var tokenizer = new ActionTokenizer(256);
        Assert.Equal(255, tokenizer.Encode(-1f));
        Assert.Equal(0, tokenizer.Encode(1f));
        Assert.Equal(0, tokenizer.FirstToken);
        for (int token = 1; token < 256; token++) Assert.Equal(token, tokenizer.Encode(tokenizer.Decode(token)));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        var tokenizer = new ActionTokenizer(256);
        Assert.Throws<ArgumentException>(() => tokenizer.Encode(float.NaN));
        Assert.Throws<ArgumentException>(() => tokenizer.LogProbability(new float[255], [0]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.LogProbability(new float[256], [256]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ActionTokenizer(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ActionTokenizer(256, 100));
        Assert.Throws<ArgumentException>(() => ActionTokenizer.Normalise(Statistics(true), new float[8], new float[8]));
    }

    private static void AssertClose(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], tolerance * Math.Max(1, Math.Abs(expected[i])));
    }

    private float[] Float32(string name) => _golden.Value[name].ToFloat32();

    private long[] Int64(string name) => _golden.Value[name].ToInt64();

    private bool[] Unused(string name) => [.. Float32($"{name}.min").Zip(Float32($"{name}.max"), (a, b) => a == b)];

    private NormalisationStatistics Statistics(bool masked) => new()
    {
        Q01 = Float32("stats.q01"),
        Q99 = Float32("stats.q99"),
        Mean = new float[7],
        Std = new float[7],
        Mask = masked ? [.. Int64("stats.mask").Select(m => m != 0)] : [true, true, true, true, true, true, true],
    };
}
