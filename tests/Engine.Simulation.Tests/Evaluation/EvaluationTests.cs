using Engine.Runtime.Contract;
using Engine.Simulation.Evaluation;
using Engine.Simulation.Tabletop;

namespace Engine.Simulation.Tests.Evaluation;

public sealed class EvaluationTests
{
    private static EpisodeSpec[] Specs(string task, int count, ulong first = 0) =>
        [.. Enumerable.Range(0, count).Select(i => new EpisodeSpec(task, "in_distribution", first + (ulong)i))];

    [Theory]
    [InlineData("expert")]
    [InlineData("play")]
    public void Recorded_episodes_do_not_depend_on_how_many_run_at_a_time(string kind)
    {
        IActor Actor() => kind == "play" ? new PlayActor() : new ExpertActor();
        using var narrow = new TabletopEnvironment(new TabletopOptions { Count = 2, Threads = 1 });
        using var wide = new TabletopEnvironment(new TabletopOptions { Count = 7, Threads = 3 });
        var specs = Specs("reach", 9);
        var a = DemonstrationCollector.Collect(narrow, specs, Actor()).ToList();
        var b = DemonstrationCollector.Collect(wide, specs, Actor()).ToList();
        Assert.Equal(9, a.Count);
        for (int i = 0; i < 9; i++)
        {
            Assert.Equal(specs[i].Seed, a[i].Seed);
            Assert.Equal(a[i].Seed, b[i].Seed);
            Assert.Equal(a[i].Actions.Cast<float>(), b[i].Actions.Cast<float>());
            Assert.Equal(a[i].States.Cast<float>(), b[i].States.Cast<float>());
            Assert.Equal(a[i].Progress, b[i].Progress);
            Assert.Equal(a[i].Images["front"], b[i].Images["front"]);
            Assert.Equal(a[i].Images["wrist"], b[i].Images["wrist"]);
        }
    }

    [Fact]
    public void An_episode_records_what_the_contract_says()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 3 });
        foreach (var episode in DemonstrationCollector.Collect(world, Specs("pick", 5), new ExpertActor(), ["front"]))
        {
            int length = episode.Length;
            Assert.Equal(["front"], episode.Images.Keys);
            Assert.Equal((length + 1) * 64 * 64 * 3, episode.Images["front"].Length);
            Assert.Equal((length + 1, 8), (episode.States.GetLength(0), episode.States.GetLength(1)));
            Assert.Equal((length + 1, 7), (episode.Commands.GetLength(0), episode.Commands.GetLength(1)));
            Assert.Equal((length, 7), (episode.Actions.GetLength(0), episode.Actions.GetLength(1)));
            Assert.Equal(length + 1, episode.Progress.Length);
            Assert.Equal("expert", episode.Actor);
            Assert.Equal(episode.Success, episode.Terminated);
            Assert.Equal(episode.Success, episode.Progress[^1] == 1f);
            // The commands follow from the actions by the embodiment alone.
            float[] command = [.. Enumerable.Range(0, 7).Select(k => episode.Commands[0, k])], action = new float[7];
            for (int t = 0; t < length; t++)
            {
                for (int k = 0; k < 7; k++) action[k] = episode.Actions[t, k];
                world.Info.Embodiment.Advance(command, action);
                for (int k = 0; k < 7; k++) Assert.Equal(episode.Commands[t + 1, k], command[k]);
            }
        }
    }

    [Fact]
    public void Play_fails_often_succeeds_sometimes_and_turns_the_hand()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 16 });
        var episodes = DemonstrationCollector.Collect(world, Specs("reach", 48), new PlayActor(), []).ToList();
        int successes = episodes.Count(episode => episode.Success);
        Assert.InRange(successes, 8, 40);
        Assert.All(episodes, episode => Assert.Empty(episode.Images));
        Assert.Contains(episodes, episode => Enumerable.Range(0, episode.Length).Any(t => episode.Actions[t, 6] == 0));
        Assert.All(episodes, episode => Assert.Contains(Enumerable.Range(0, episode.Length), t => episode.Actions[t, 5] != 0));
        Assert.All(episodes, episode => Assert.All(episode.Actions.Cast<float>(), value => Assert.True(Math.Abs(value) <= 1)));
    }

    [Fact]
    public void A_policy_is_asked_once_per_chunk_with_the_observations_of_its_contract()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 4 });
        using var policy = new RaisingPolicy(world.Info, horizon: 4, replanEvery: 3);
        var results = PolicyEvaluator.Evaluate(world, policy, Specs("pick", 6), temperature: 1f);
        Assert.Equal(6, results.Count);
        Assert.All(results, result => Assert.Equal(TaskFamily.Pick.StepLimit, result.Outcome.Steps));
        // 20 steps in chunks of 3: asked at steps 0, 3, … 18.
        Assert.Equal(6 * 7, policy.Asked);
        Assert.Equal(6 * 7, policy.Uniforms.Count);
        Assert.All(results, result => Assert.Null(result.Episode));

        using var again = new RaisingPolicy(world.Info, horizon: 4, replanEvery: 3);
        using var single = new TabletopEnvironment(new TabletopOptions { Count = 1, Threads = 1 });
        PolicyEvaluator.Evaluate(single, again, Specs("pick", 6), temperature: 1f);
        Assert.Equal(policy.Uniforms.Order(), again.Uniforms.Order());
    }

    [Fact]
    public void A_policy_that_does_not_fit_the_environment_is_refused()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 1 });
        using var small = new TabletopEnvironment(new TabletopOptions { Count = 1, Height = 32, Width = 32 });
        using var policy = new RaisingPolicy(small.Info, 1, 1);
        var error = Assert.Throws<ArgumentException>(() => PolicyEvaluator.Evaluate(world, policy, Specs("reach", 1)));
        Assert.Contains("32 × 32", error.Message, StringComparison.Ordinal);
        using var greedy = new RaisingPolicy(world.Info, 2, 3);
        Assert.Throws<ArgumentException>(() => new PolicyActor(greedy));
    }

    [Fact]
    public void Evaluation_can_be_cancelled_and_reports_its_progress()
    {
        using var world = new TabletopEnvironment(new TabletopOptions { Count = 2 });
        using var source = new CancellationTokenSource();
        var progress = new CancelAfterTwo(source);
        Assert.Throws<OperationCanceledException>(() => PolicyEvaluator.Evaluate(world, new ExpertActor(0), Specs("reach", 20), progress: progress, cancellation: source.Token));
        Assert.Equal(20, progress.Total);
        Assert.InRange(progress.Done, 2, 19);
    }

    [Fact]
    public void A_suite_lists_the_same_seeds_for_every_variation_and_checks_its_names()
    {
        var suite = new EvaluationSuite { Name = "test", Tasks = ["reach", "pick"], Variations = ["in_distribution", "lighting"], Episodes = 3, FirstSeed = 10 };
        var specs = suite.Specs();
        Assert.Equal(12, specs.Count);
        Assert.Equal(new EpisodeSpec("reach", "lighting", 11), specs[4]);
        Assert.Contains("push", Assert.Throws<ArgumentException>(() => (suite with { Tasks = ["fold"] }).Specs()).Message, StringComparison.Ordinal);
        Assert.Contains("texture", Assert.Throws<ArgumentException>(() => (suite with { Variations = ["fog"] }).Specs()).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => (suite with { Tasks = [] }).Specs());
        Assert.Throws<ArgumentException>(() => (suite with { Episodes = 0 }).Specs());
    }

    [Fact]
    public void A_summary_groups_by_task_and_variation()
    {
        static EpisodeResult Result(string variation, bool success) => new(
            new EpisodeSpec("reach", variation, 0),
            "",
            new EpisodeOutcome { Success = success, EverSuccess = success, Intention = true, WrongObject = !success, Grasp = success, Move = false, Steps = success ? 4 : 12 });
        var summaries = EvaluationSummary.Of([Result("in_distribution", true), Result("in_distribution", false), Result("camera", false)]);
        Assert.Equal(["in_distribution", "camera"], summaries.Select(summary => summary.Variation));
        Assert.Equal(0.5, summaries[0].Success.Rate);
        Assert.Equal(Statistics.Wilson(1, 2), summaries[0].Success);
        Assert.Equal(8, summaries[0].MeanSteps);
        Assert.Equal(1, summaries[1].WrongObject.Rate);
    }

    private sealed class CancelAfterTwo(CancellationTokenSource source) : IProgressReporter, IProgressTask
    {
        public long Total { get; private set; }

        public long Done { get; private set; }

        public IProgressTask Begin(string name, long total, string unit)
        {
            Total = total;
            return this;
        }

        public void Note(string message)
        {
        }

        public void Advance(long units = 1, string? detail = null)
        {
            Done += units;
            if (Done >= 2) source.Cancel();
        }

        public void Dispose()
        {
        }
    }

    /// <summary>Raises the hand a little whatever it sees, and checks what it is shown.</summary>
    private sealed class RaisingPolicy(DatasetInfo info, int horizon, int replanEvery) : IPolicy
    {
        public int Asked { get; private set; }

        public List<float> Uniforms { get; } = [];

        public PolicyContract Contract { get; } = new()
        {
            Name = "raise",
            Cameras = info.Cameras,
            StateNames = info.StateNames,
            ActionNames = info.ActionNames,
            ActionStatistics = Plain(7),
            StateStatistics = Plain(8),
            Embodiment = info.Embodiment,
            ActionHorizon = horizon,
            ReplanEvery = replanEvery,
            Vocabulary = ["reach"],
        };

        public void Act(ObservationBatch observations, Span<float> actions, float temperature = 0, ReadOnlySpan<float> uniforms = default)
        {
            Asked += observations.Count;
            Assert.Equal(observations.Count, observations.Instructions.Length);
            foreach (var camera in Contract.Cameras)
            {
                Assert.Equal(observations.Count * camera.Bytes, observations.Images[camera.Name].Length);
                Assert.True(observations.Images[camera.Name].ToArray().Distinct().Count() > 8);
            }

            Assert.Equal(8 * observations.Count, observations.States.Length);
            Assert.Equal(observations.Count * horizon * 7, actions.Length);
            Assert.Equal(temperature > 0 ? actions.Length : 0, uniforms.Length);
            actions.Clear();
            for (int b = 0; b < observations.Count; b++)
            {
                if (uniforms.Length > 0) Uniforms.Add(uniforms[b * horizon * 7]);
                for (int h = 0; h < horizon; h++)
                {
                    actions[(b * horizon + h) * 7 + 2] = 0.005f;
                    actions[(b * horizon + h) * 7 + 6] = 1;
                }
            }
        }

        public void Dispose()
        {
        }

        private static NormalisationStatistics Plain(int width) => new()
        {
            Q01 = new float[width],
            Q99 = [.. Enumerable.Repeat(1f, width)],
            Mean = new float[width],
            Std = [.. Enumerable.Repeat(1f, width)],
            Mask = new bool[width],
        };
    }
}
