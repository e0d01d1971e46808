using Engine.Runtime.Contract;
using Engine.Simulation.Evaluation;
using Engine.Simulation.Tabletop;

namespace Engine.Simulation.Tests.Tabletop;

public sealed class ScriptedExpertTests
{
    private const int Seeds = 60;

    [Theory]
    [InlineData("reach")]
    [InlineData("push")]
    [InlineData("pick")]
    [InlineData("put")]
    public void The_expert_succeeds_in_at_least_95_of_100_and_its_measures_say_so(string task)
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 16 });
        EpisodeSpec[] specs = [.. Enumerable.Range(0, Seeds).Select(i => new EpisodeSpec(task, "in_distribution", 500 + (ulong)i))];
        var outcomes = PolicyEvaluator.Evaluate(world, new ExpertActor(0), specs).Select(result => result.Outcome).ToArray();
        Assert.True(outcomes.Count(outcome => outcome.Success) >= 0.95 * Seeds, $"{outcomes.Count(outcome => outcome.Success)} of {Seeds}");
        foreach (var outcome in outcomes.Where(outcome => outcome.Success))
        {
            Assert.True(outcome.EverSuccess);
            Assert.True(outcome.Grasp);
            Assert.Equal(task != "reach", outcome.Move);
            Assert.InRange(outcome.Steps, 1, TaskFamily.Find(task).StepLimit);
        }

        Assert.True(outcomes.Count(outcome => outcome.Intention) >= 0.9 * Seeds);
        Assert.True(outcomes.Count(outcome => outcome.WrongObject) <= 0.05 * Seeds);
    }

    [Theory]
    [InlineData("reach")]
    [InlineData("pick")]
    public void An_expert_sent_to_another_object_is_measured_as_wrong(string task)
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 8 });
        int[] active = [.. Enumerable.Range(0, 8)];
        world.Reset(active, [.. active.Select(i => new EpisodeSpec(task, "in_distribution", (ulong)i))]);
        var memory = new ExpertMemory[8];
        while (active.Length > 0)
        {
            float[] actions = new float[7 * active.Length];
            for (int k = 0; k < active.Length; k++)
            {
                var now = world.Snapshot(active[k]);
                ScriptedExpert.Act(now, ref memory[active[k]], actions.AsSpan(7 * k, 7), target: (now.Layout.Target + 1) % 3);
            }

            world.Step(active, actions);
            active = [.. active.Where(i => !world.Terminated(i) && !world.Truncated(i))];
        }

        var outcomes = Enumerable.Range(0, 8).Select(world.Outcome).ToArray();
        Assert.All(outcomes, outcome => Assert.False(outcome.Success));
        Assert.All(outcomes, outcome => Assert.True(outcome.WrongObject));
        Assert.All(outcomes, outcome => Assert.False(outcome.Move));
        Assert.True(outcomes.Count(outcome => outcome.Intention) <= 1);
    }

    [Fact]
    public void A_lifted_object_does_not_slip_out_of_the_hand()
    {
        using var models = new SceneModelCache(shadows: false);
        using var simulation = new TabletopSimulation(models);
        foreach (ulong seed in new ulong[] { 1, 2, 3 })
        {
            simulation.Reset(new EpisodeSpec("pick", "in_distribution", seed));
            var memory = default(ExpertMemory);
            float[] action = new float[7];
            while (!simulation.Terminated)
            {
                ScriptedExpert.Act(simulation.Now, ref memory, action);
                simulation.Step(action);
            }

            int x = simulation.Now.Layout.Target;
            double Height() => simulation.Now.Position(x)[2] - simulation.Now.Tip[2];
            double before = Height();
            for (int t = 0; t < 15; t++) simulation.Step([0, t % 2 == 0 ? 0.03f : -0.03f, 0, 0, 0, 0, 0]);
            Assert.True(Math.Abs(Height() - before) < 0.006, $"{simulation.Now.Layout.Instruction}: slipped {(Height() - before) * 1000:F2} mm in 3 s");
        }
    }
}
