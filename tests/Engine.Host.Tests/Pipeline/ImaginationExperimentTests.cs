using Engine.Host.Pipeline;

namespace Engine.Host.Tests.Pipeline;

public sealed class ImaginationExperimentTests
{
    [Fact]
    public void A_constant_gain_has_an_interval_of_no_width()
    {
        var pooled = ImaginationExperiment.Pool([Seed([false, false], [true, true]), Seed([false], [true])], "bc", "online", "in_distribution");
        Assert.Equal((1.0, 1.0, 1.0), (pooled.Difference, pooled.Low, pooled.High));
    }

    [Fact]
    public void Seeds_that_disagree_widen_the_interval_beyond_that_of_their_episodes()
    {
        var gain = Seed(Repeat(false, 200), [.. Repeat(true, 40), .. Repeat(false, 160)]);
        var loss = Seed([.. Repeat(true, 40), .. Repeat(false, 160)], Repeat(false, 200));
        var pooled = ImaginationExperiment.Pool([gain, loss], "bc", "online", "in_distribution");
        Assert.Equal(0, pooled.Difference, 12);
        Assert.True(pooled.Low < -0.15 && pooled.High > 0.15, $"[{pooled.Low}, {pooled.High}]");
        Assert.Equal([0.2, -0.2], pooled.BySeed);
    }

    private static bool[] Repeat(bool value, int count) => [.. Enumerable.Repeat(value, count)];

    private static SeedResult Seed(bool[] cloned, bool[] online)
    {
        var policies = new Dictionary<string, Dictionary<string, VariationResult>>
        {
            ["bc"] = new() { ["in_distribution"] = Variation(cloned) },
            ["online"] = new() { ["in_distribution"] = Variation(online) },
        };
        return new SeedResult(0, new GateResult(1, 1, 1, true, 1), new OnlineResult(false, 0, 0, 0, []), new EvaluationResult(policies, []), [], new DreamResult([], [], [], [], 0, []),
            new RewardResult(0, 0, 0, 0, 0, 0, 0, [], [], []), []);
    }

    private static VariationResult Variation(bool[] successes) => new(successes.Length, successes.Count(s => s) / (double)successes.Length, 0, 1, 0, 0, 0, 0, successes);
}
