using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Host.Commands;
using Engine.Host.Evaluation;
using Engine.Host.Serving;
using Engine.Runtime.Contract;
using Engine.Runtime.Policies;
using Engine.Simulation.Evaluation;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Tests.Evaluation;

public sealed class EvalVerbTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-eval-").FullName;
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Policies_are_compared_on_the_same_episodes_and_never_run_twice()
    {
        string first = UntrainedPolicy.Write(At("first"), 1), second = UntrainedPolicy.Write(At("second"), 2);
        string[] call = ["eval", "--policy", $"{first},{second}", "--baseline", "expert", "--variations", "in_distribution,lighting", "--episodes", "4", "--out", At("out"), "environments=4"];
        Assert.True(await Run(call) == 0, _error.ToString());
        Assert.Contains("24 episodes in", _output.ToString(), StringComparison.Ordinal);
        var json = Json();
        Assert.Equal(["expert", "first", "second"], Keys(json["policies"]!));
        Assert.Equal(["first-expert", "second-expert"], Keys(json["paired"]!));
        Assert.Equal(["in_distribution", "lighting", "all"], Keys(json["policies"]!["first"]!));
        var expert = json["policies"]!["expert"]!["in_distribution"]!;
        Assert.Equal(4, (int)expert["n"]!);
        Assert.Equal(1.0, (double)expert["success"]!);
        foreach (string key in new[] { "low", "high", "intention", "wrong_object", "grasp", "move" }) Assert.InRange((double)expert[key]!, 0, 1);
        foreach (var (pair, variations) in json["paired"]!.AsObject())
        {
            foreach (var (variation, compared) in variations!.AsObject())
            {
                double difference = (double)json["policies"]![pair.Split('-')[0]]![variation]!["success"]! - (double)json["policies"]!["expert"]![variation]!["success"]!;
                Assert.Equal(difference, (double)compared!["difference"]!, 12);
                Assert.InRange(difference, (double)compared["low"]!, (double)compared["high"]!);
            }
        }

        Assert.Contains("| expert | in_distribution | 4 | 100.0 % |", File.ReadAllText(At("out", "eval.md")), StringComparison.Ordinal);

        // Again: everything is taken; one damaged block is run anew, with the same result.
        string damaged = Directory.GetFiles(At("out", "outcomes")).Order(StringComparer.Ordinal).First();
        File.WriteAllText(damaged, "{");
        Assert.Equal(0, await Run(call));
        Assert.Contains("\n4 episodes in", _output.ToString(), StringComparison.Ordinal);
        Assert.Contains("20 taken from an earlier run", _output.ToString(), StringComparison.Ordinal);
        var again = Json();
        Assert.Equal(json["policies"]!.ToJsonString(), again["policies"]!.ToJsonString());
        Assert.Equal(json["paired"]!.ToJsonString(), again["paired"]!.ToJsonString());
    }

    [Fact]
    public async Task A_served_policy_does_what_it_does_in_process()
    {
        string folder = UntrainedPolicy.Write(At("bc"), 3);
        using var policy = PolicyDirectory.Load(folder);
        await using var server = await PolicyServer.StartAsync(policy, new ServeOptions { Port = 0 }, TestContext.Current.CancellationToken);
        Assert.True(await Run("eval", "--policy", folder, "--server", server.Uri.ToString(), "--episodes", "5", "--seed", "77", "--out", At("out"), "environments=5") == 0, _error.ToString());
        var json = Json();
        Assert.Equal(77, (int)json["suite"]!["first_seed"]!);
        Assert.Equal(json["policies"]!["bc"]!.ToJsonString(), json["policies"]!["server"]!.ToJsonString());
        Assert.Contains("server: round trip p50", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stopped_evaluation_goes_on_and_gives_what_it_would_have_given()
    {
        UntrainedPolicy.Require();
        var suite = new EvaluationSuite { Name = "stopped", Tasks = ["reach", "push"], Variations = ["in_distribution", "texture"], Episodes = 4, FirstSeed = 5 };
        var policies = await EvaluatedPolicy.OpenAllAsync(new EvalSettings { Policies = ["expert"] }, TestContext.Current.CancellationToken);
        using var stop = new CancellationTokenSource();
        var interrupted = new SuiteRun(suite, 2, new OutcomeStore(At("kept")), new StopAfter(6, stop), stop.Token);
        Assert.ThrowsAny<OperationCanceledException>(() => interrupted.Run(policies));
        Assert.Single(Directory.GetFiles(At("kept")));

        var resumed = new SuiteRun(suite, 2, new OutcomeStore(At("kept")), SilentProgress.Instance, default);
        var whole = new SuiteRun(suite, 3, new OutcomeStore(At("other")), SilentProgress.Instance, default);
        Assert.Equal(whole.Run(policies)["expert"], resumed.Run(policies)["expert"]);
        Assert.Equal((4, 12), (resumed.Taken, resumed.Simulated));
        Assert.Equal((0, 16), (whole.Taken, whole.Simulated));
    }

    public static TheoryData<string, string> Misfits => new()
    {
        { "camera", "wants the camera 'side'; the simulator has front and wrist" },
        { "sizes", "different sizes (front 64 × 64, wrist 32 × 32)" },
        { "state", "has 7 state numbers; the simulator has 8" },
        { "action", "calls action number 0 'joint 0'; the simulator calls it 'dx (m)'" },
        { "arm", "its step limits are [0.05, 0.05, 0.05, 0.25, 0.25, 0.25], those of the simulator [0.035, 0.035, 0.035, 0.15, 0.15, 0.15]" },
        { "rate", "acts at 20 Hz; the simulator at 5 Hz" },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public void A_policy_that_does_not_fit_the_simulator_is_refused_in_a_sentence(string what, string expected)
    {
        var good = UntrainedPolicy.Contract;
        Assert.Equal(["front"], SimulatorContract.OptionsFor(good, 2).Cameras);
        var contract = what switch
        {
            "camera" => good with { Cameras = [new CameraSpec("side", 64, 64)] },
            "sizes" => good with { Cameras = [new CameraSpec("front", 64, 64), new CameraSpec("wrist", 32, 32)] },
            "state" => good with { StateNames = good.StateNames[..7] },
            "action" => good with { ActionNames = ["joint 0", .. good.ActionNames[1..]] },
            "arm" => good with { Embodiment = good.Embodiment with { StepLimit = [0.05f, 0.05f, 0.05f, 0.25f, 0.25f, 0.25f] } },
            _ => good with { Embodiment = good.Embodiment with { ControlHz = 20 } },
        };
        var failure = Assert.Throws<InvalidDataException>(() => SimulatorContract.OptionsFor(contract, 2));
        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
        Assert.StartsWith("The policy 'untrained' ", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("quick")]
    [InlineData("reach")]
    [InlineData("full")]
    public void Every_shipped_suite_can_be_run(string name)
    {
        var suite = SuiteFiles.Read(name);
        Assert.Equal(name, suite.Name);
        Assert.Equal(suite.Tasks.Length * suite.Variations.Length * suite.Episodes, suite.Specs().Count);
        Assert.Contains(name, SuiteFiles.Names);
    }

    [Theory]
    [InlineData(1, "There is no suite 'quik'. Did you mean 'quick'?", "--policy", "expert", "--suite", "quik")]
    [InlineData(1, "Task 'rech' is unknown. Known tasks: reach, push, pick, put.", "--policy", "expert", "--tasks", "rech")]
    [InlineData(1, "There is no policy 'zero'", "--policy", "zero")]
    [InlineData(2, "--policy is missing")]
    [InlineData(2, "--episodes is 0; expected 1 … 1000000", "--policy", "expert", "--episodes", "0")]
    [InlineData(2, "--baseline bc is neither one of the policies (expert) nor a folder", "--policy", "expert", "--baseline", "bc")]
    [InlineData(2, "expected ws://host:port", "--server", "localhost")]
    [InlineData(2, "names 'reach' twice", "--policy", "expert", "--tasks", "reach,reach")]
    public async Task A_wrong_call_is_answered_in_a_sentence(int code, string expected, params string[] arguments)
    {
        Assert.Equal(code, await Run(["eval", .. arguments, "--out", At("out")]));
        Assert.Contains(expected, _error.ToString(), StringComparison.Ordinal);
        Assert.Equal("", _output.ToString());
        Assert.False(Directory.Exists(At("out")));
    }

    [Fact]
    public async Task A_mistake_in_a_suite_is_named_with_line_and_column()
    {
        File.WriteAllText(At("mine.yaml"), "tasks: [reach]\nfirstSeed: 3\n");
        Assert.Equal(1, await Run("eval", "--policy", "expert", "--suite", At("mine.yaml")));
        Assert.Contains("mine.yaml:2:1: unknown key 'firstSeed'. Did you mean 'first_seed'?", _error.ToString(), StringComparison.Ordinal);
    }

    private string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    private Task<int> Run(params string[] arguments) => CommandLine.RunAsync(arguments, _output, _error);

    private JsonNode Json() => JsonNode.Parse(File.ReadAllText(At("out", "eval.json")), null, new JsonDocumentOptions())!;

    private static string[] Keys(JsonNode node) => [.. node.AsObject().Select(entry => entry.Key)];

    /// <summary>Stops a run once so many episodes are done.</summary>
    private sealed class StopAfter(int episodes, CancellationTokenSource stop) : IProgressReporter, IProgressTask
    {
        private long _done;

        public IProgressTask Begin(string name, long total, string unit) => this;

        public void Note(string message)
        {
        }

        public void Advance(long units = 1, string? detail = null)
        {
            if ((_done += units) >= episodes) stop.Cancel();
        }

        public void Dispose()
        {
        }
    }
}
