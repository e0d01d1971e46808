using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;

namespace Engine.Runtime.Tests.Datasets;

public sealed class DatasetStatisticsTests
{
    [Theory]
    [InlineData(0.0, 1)]
    [InlineData(0.01, 1.08)]
    [InlineData(0.5, 6)]
    [InlineData(0.9, 13.6)]
    [InlineData(1.0, 16)]
    public void Quantiles_interpolate_as_numpy_does(double q, double expected) =>
        Assert.Equal(expected, DatasetStatistics.Quantile([1, 3, 6, 10, 16], q), 12);

    [Fact]
    public void Mean_deviation_and_quantiles_of_a_known_column()
    {
        var actions = new float[101, 7];
        for (int i = 0; i < 101; i++)
        {
            actions[i, 0] = 100 - i;
            actions[i, 1] = 0.25f;
            actions[i, 2] = i == 50 ? 3 : 0;
            actions[i, 6] = i % 2;
        }

        NormalisationStatistics statistics = DatasetStatistics.Compute([Episode(actions)]).Actions;

        Assert.Equal(1f, statistics.Q01[0]);
        Assert.Equal(99f, statistics.Q99[0]);
        Assert.Equal(50f, statistics.Mean[0]);
        Assert.Equal((float)Math.Sqrt((101.0 * 101 - 1) / 12), statistics.Std[0]);
        Assert.Equal(0.25f, (statistics.Q01[1] + statistics.Q99[1]) / 2);
        Assert.True(statistics.Q99[1] > statistics.Q01[1]);
        Assert.Equal((0f, 3f), (statistics.Q01[2], statistics.Q99[2]));
        Assert.Equal([true, true, true, true, true, true, false], statistics.Mask);
    }

    [Fact]
    public void Episodes_are_needed_and_must_be_finite()
    {
        Assert.Throws<ArgumentException>(() => DatasetStatistics.Compute([]));
        var actions = new float[2, 7];
        actions[1, 3] = float.NaN;
        Assert.Throws<ArgumentException>(() => DatasetStatistics.Compute([Episode(actions)]));
    }

    private static Episode Episode(float[,] actions) => new()
    {
        Instruction = "",
        Task = "",
        Actor = "expert",
        Seed = 0,
        Success = true,
        Terminated = true,
        Images = [],
        States = new float[actions.GetLength(0) + 1, 8],
        Commands = new float[actions.GetLength(0) + 1, 7],
        Actions = actions,
        Progress = [],
    };
}
