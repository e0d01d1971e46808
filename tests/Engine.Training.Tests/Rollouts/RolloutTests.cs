using Engine.Training.Rollouts;

namespace Engine.Training.Tests.Rollouts;

public sealed class RolloutTests
{
    /// <summary>
    /// Environment 0 is cut after step 1 (its last observation is worth 7, the new episode's first one 100), environment 1 ends after step 0,
    /// environment 2 goes on. Worked by hand with γ = 0.5, λ = 0.5.
    /// </summary>
    [Fact]
    public void Advantages_bootstrap_at_a_cut_and_not_at_an_end_and_keep_environments_apart()
    {
        var rollout = new Rollout(3, 3, 3, 1, 1, 1);
        float[] rewards = [1, 5, 1, 2, 1, 1, 3, 1, 1], values = [10, 20, 1, 11, 100, 2, 100, 21, 3];
        rewards.CopyTo(rollout.Rewards, 0);
        values.CopyTo(rollout.Values, 0);
        rollout.Truncated[3] = true;
        rollout.NextValues[3] = 7;
        rollout.Terminated[1] = true;
        rollout.FinishNextValues([40, 41, 42]);
        Assert.Equal([11f, 100, 2, 7, 21, 3, 40, 41, 42], rollout.NextValues);

        var (advantages, returns) = rollout.Advantages(0.5, 0.5);
        float a02 = 3 + 20 - 100, a01 = 2 + 3.5f - 11, a00 = 1 + 5.5f - 10 + 0.25f * a01;
        float a12 = 1 + 20.5f - 21, a11 = 1 + 10.5f - 100 + 0.25f * a12, a10 = 5 - 20;
        float a22 = 1 + 21 - 3, a21 = 1 + 1.5f - 2 + 0.25f * a22, a20 = 1 + 1 - 1 + 0.25f * a21;
        float[] expected = [a00, a10, a20, a01, a11, a21, a02, a12, a22];
        for (int i = 0; i < 9; i++)
        {
            Assert.Equal(expected[i], advantages[i], 1e-5f);
            Assert.Equal(expected[i] + values[i], returns[i], 1e-4f);
        }
    }

    [Fact]
    public void Normalised_numbers_have_mean_zero_and_unbiased_deviation_one()
    {
        float[] values = [1, 2, 3, 4, 10];
        Rollout.Normalise(values);
        Assert.Equal(0, values.Average(), 1e-6f);
        Assert.Equal(4, values.Sum(v => (double)v * v), 1e-5);
        float[] equal = [3, 3, 3];
        Rollout.Normalise(equal);
        Assert.Equal([0, 0, 0], equal);
    }

    [Fact]
    public void Explained_variance_has_its_known_values()
    {
        float[] returns = [1, 2, 3, 4];
        Assert.Equal(1, Rollout.ExplainedVariance(returns, returns), 1e-12);
        Assert.Equal(1, Rollout.ExplainedVariance([11, 12, 13, 14], returns), 1e-6);
        Assert.Equal(0, Rollout.ExplainedVariance([5, 5, 5, 5], returns), 1e-12);
        Assert.Equal(-3, Rollout.ExplainedVariance([4, 3, 2, 1], returns), 1e-6);
        Assert.Equal(0, Rollout.ExplainedVariance([1, 2], [3, 3]));
    }

    [Fact]
    public void Success_is_a_share_of_the_episodes_that_ended()
    {
        var rollout = new Rollout(1, 1, 3, 1, 1, 1);
        Assert.Equal(0, rollout.SuccessRate);
        foreach (bool success in new[] { true, false, false, true, true }) rollout.Ended(success);
        Assert.Equal(0.6, rollout.SuccessRate, 1e-12);
        Assert.Equal(5, rollout.EpisodeCount);
    }
}
