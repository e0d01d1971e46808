using Engine.Training.Algorithms;

namespace Engine.Training.Tests.Learning;

public sealed class RankingTests
{
    [Fact]
    public void Area_under_the_curve_has_its_known_values()
    {
        Assert.Equal(1, Ranking.AreaUnderCurve([1, 2, 3, 4], [false, false, true, true]));
        Assert.Equal(0, Ranking.AreaUnderCurve([1, 2, 3, 4], [true, true, false, false]));
        Assert.Equal(0.75, Ranking.AreaUnderCurve([0.1, 0.4, 0.35, 0.8], [false, false, true, true]));
        Assert.Equal(0.5, Ranking.AreaUnderCurve([7, 7, 7], [true, false, true]));
        // One pair won, one tied: 1.5 of 2.
        Assert.Equal(0.75, Ranking.AreaUnderCurve([2, 2, 1], [true, false, false]));
        Assert.True(double.IsNaN(Ranking.AreaUnderCurve([1, 2], [true, true])));
        Assert.Throws<ArgumentException>(() => Ranking.AreaUnderCurve([1], [true, false]));
    }

    [Fact]
    public void Area_under_the_curve_counts_pairs()
    {
        var random = new Engine.Kernels.Ops.Philox.PhiloxRandom(new(3, 1));
        double[] scores = [.. Enumerable.Range(0, 60).Select(_ => (double)random.NextInt(20))];
        bool[] positive = [.. scores.Select(s => random.NextInt(30) < s)];
        double won = 0, pairs = 0;
        for (int i = 0; i < 60; i++)
        {
            for (int j = 0; j < 60; j++)
            {
                if (!positive[i] || positive[j]) continue;
                pairs++;
                won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
            }
        }

        Assert.Equal(won / pairs, Ranking.AreaUnderCurve(scores, positive), 1e-12);
    }
}
