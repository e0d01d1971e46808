using Engine.Simulation.Evaluation;

namespace Engine.Simulation.Tests.Evaluation;

public sealed class StatisticsTests
{
    [Theory]
    [InlineData(8, 10, 0.4901625, 0.9433178)] // R: prop.test(8, 10, correct = FALSE)
    [InlineData(0, 10, 0.0, 0.2775328)]
    [InlineData(10, 10, 0.7224672, 1.0)]
    [InlineData(50, 100, 0.4038315, 0.5961685)]
    public void Wilson_has_the_known_values(int count, int total, double low, double high)
    {
        var proportion = Statistics.Wilson(count, total);
        Assert.Equal(count / (double)total, proportion.Rate, 1e-12);
        Assert.Equal(low, proportion.Low, 1e-6);
        Assert.Equal(high, proportion.High, 1e-6);
    }

    [Fact]
    public void Wilson_refuses_what_is_no_proportion()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Statistics.Wilson(1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Statistics.Wilson(5, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => Statistics.Wilson(-1, 4));
    }

    [Theory]
    [InlineData(1, 9, 0.021484375)] // 2·(1 + 10)/1024
    [InlineData(9, 1, 0.021484375)]
    [InlineData(0, 6, 0.03125)]
    [InlineData(5, 5, 1.0)]
    [InlineData(0, 0, 1.0)]
    [InlineData(10, 25, 0.0166738478)] // binom.test(10, 35)
    public void McNemar_has_the_exact_values(int onlyFirst, int onlySecond, double p) => Assert.Equal(p, Statistics.McNemar(onlyFirst, onlySecond), 1e-9);

    [Fact]
    public void McNemar_of_many_pairs_is_finite_and_small() => Assert.InRange(Statistics.McNemar(400, 800), 1e-40, 1e-20);

    [Fact]
    public void The_bootstrap_interval_is_the_normal_one_for_many_pairs_and_is_reproducible()
    {
        bool[] first = new bool[400], second = new bool[400];
        for (int i = 0; i < 400; i++) (first[i], second[i]) = (i < 200 || i >= 370, i < 170 || i is >= 200 and < 260 || i >= 370);
        var comparison = Statistics.Compare(first, second, seed: 3);
        Assert.Equal((30, 60), (comparison.OnlyFirst, comparison.OnlySecond));
        Assert.Equal(0.075, comparison.Difference, 1e-12);
        Assert.Equal(comparison.Second - comparison.First, comparison.Difference, 1e-12);
        double deviation = Math.Sqrt((90.0 / 400 - 0.075 * 0.075) / 400);
        Assert.Equal(0.075 - 1.96 * deviation, comparison.Low, 0.004);
        Assert.Equal(0.075 + 1.96 * deviation, comparison.High, 0.004);
        Assert.Equal(comparison, Statistics.Compare(first, second, seed: 3));
        Assert.Equal(Statistics.McNemar(30, 60), comparison.PValue);
        Assert.Throws<ArgumentException>(() => Statistics.Compare(first, second.AsSpan(1)));
    }

    [Fact]
    public void Correlation_and_rank_violation_have_the_values_of_a_worked_example()
    {
        Assert.Equal(0.5, Statistics.Pearson([1, 2, 3], [1, 3, 2]), 1e-12);
        Assert.Equal(-1, Statistics.Pearson([1, 2, 3], [6, 4, 2]), 1e-12);
        Assert.True(double.IsNaN(Statistics.Pearson([1, 1], [1, 2])));
        Assert.Equal(0, Statistics.MeanMaximumRankViolation([0.1, 0.5, 0.9], [0.2, 0.3, 0.8]), 1e-12);
        // The second and the third are the wrong way round, 0.3 apart: (0 + 0.3 + 0.3) / 3.
        Assert.Equal(0.2, Statistics.MeanMaximumRankViolation([0.1, 0.9, 0.5], [0.2, 0.5, 0.8]), 1e-12);
        Assert.Throws<ArgumentException>(() => Statistics.Pearson([1], [1]));
    }
}
