using Engine.Training.Torch;

namespace Engine.Training.Tests.Torch;

public sealed class LearningRateScheduleTests
{
    [Fact]
    public void The_rate_rises_falls_and_stays()
    {
        double Rate(long step) => LearningRateSchedule.WarmupCosine(step, 110, 2, 10);
        Assert.Equal(0.2, Rate(0), 12);
        Assert.Equal(2, Rate(9), 12);
        Assert.Equal(2, Rate(10), 12);
        Assert.Equal(0.1 + 1.9 / 2, Rate(60), 12);
        Assert.Equal(0.1, Rate(110), 12);
        Assert.Equal(0.1, Rate(1000), 12);
        for (long step = 10; step < 110; step++) Assert.True(Rate(step + 1) < Rate(step));
        Assert.Equal(3, LearningRateSchedule.WarmupCosine(0, 10, 3, 0), 12);
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.WarmupCosine(-1, 10, 1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => LearningRateSchedule.WarmupCosine(0, 10, 1, 0, 2));
    }
}
