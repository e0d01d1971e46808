using Engine.Host.Evaluation;
using Engine.Host.Pipeline;

namespace Engine.Host.Tests.Evaluation;

/// <summary>The same seed is the same scene: a suite on the seeds of training data would measure memory.</summary>
public sealed class SuiteSeedTests
{
    [Theory]
    [InlineData("quick")]
    [InlineData("reach")]
    [InlineData("full")]
    public void No_run_trains_on_the_scenes_of_a_shipped_suite(string name)
    {
        var suite = SuiteFiles.Read(name);
        var (first, last) = (suite.FirstSeed, suite.FirstSeed + (ulong)suite.Episodes);
        for (ulong seed = 0; seed < 20; seed++)
        {
            var plan = new SeedPlan(seed);
            ulong[] starts = [.. typeof(SeedPlan).GetProperties().Where(property => property.Name != nameof(SeedPlan.Seed)).Select(property => (ulong)property.GetValue(plan)!)];
            Assert.True(starts.Length >= 8);
            // Every range of a run is a million wide.
            Assert.All(starts, start => Assert.True(last <= start || first >= start + 1_000_000, $"{name} begins at {first}; a run with seed {seed} records from {start} on"));
        }
    }
}
