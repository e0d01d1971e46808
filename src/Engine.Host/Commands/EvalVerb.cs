using System.CommandLine;
using System.CommandLine.Parsing;
using Engine.Host.Configuration;
using Engine.Host.Evaluation;
using Engine.Runtime.Weights;
using Engine.Simulation.Evaluation;

namespace Engine.Host.Commands;

/// <summary>Evaluates policies in the embedded simulator, on the same episodes.</summary>
public sealed class EvalVerb : ConfiguredVerb<EvalSettings>
{
    private readonly Option<string[]> _policy = new("--policy", "-p")
    {
        Description = "Folders of exported policies, with commas between them; the others are compared with the first. 'expert' is the scripted expert.",
        HelpName = "folder[,folder]",
    };

    private readonly Option<string?> _server = new("--server") { Description = "Also evaluate the policy that an openpi server serves.", HelpName = "ws://host:port" };
    private readonly Option<string?> _baseline = new("--baseline") { Description = "The policy that the others are compared with, by name or folder; the first one otherwise.", HelpName = "policy" };
    private readonly Option<string?> _suite = new("--suite") { Description = "Suite: a name (quick, reach, full) or a YAML file. quick unless configured.", HelpName = "name|file.yaml" };
    private readonly Option<string?> _tasks = new("--tasks") { Description = "Task families in place of the suite's: reach, push, pick, put.", HelpName = "task[,task]" };
    private readonly Option<string?> _variations = new("--variations") { Description = "Variations in place of the suite's.", HelpName = "name[,name]" };
    private readonly Option<int?> _episodes = new("--episodes", "-n") { Description = "Episodes of each task in each variation, in place of the suite's.", HelpName = "number" };

    public override string Name => "eval";

    public override string Summary => "Evaluate policies in the simulator: success, intention, wrong objects, with intervals and paired differences.";

    public override IReadOnlyList<string> Examples =>
    [
        "eval --policy runs/quickstart/policies/bc",
        "eval --policy runs/quickstart/policies/bc,runs/quickstart/policies/online --suite reach --out runs/comparison",
        "eval --policy runs/quickstart/policies/online --baseline expert --variations in_distribution,lighting --episodes 200",
        "eval --server ws://127.0.0.1:8000 --episodes 20 environments=8",
    ];

    /// <summary>Where the shipped suites begin.</summary>
    protected override ulong DefaultSeed => new EvaluationSuite().FirstSeed;

    /// <inheritdoc />
    protected override string SeedDescription => "Seed of the first episode, in place of the suite's; every other one follows from it.";

    /// <inheritdoc />
    public override void Configure(Command command)
    {
        base.Configure(command);
        foreach (Option option in new Option[] { _policy, _server, _baseline, _suite, _tasks, _variations, _episodes }) command.Add(option);
    }

    /// <inheritdoc />
    protected override void Apply(ParseResult arguments, EvalSettings configuration)
    {
        if (arguments.GetValue(_policy) is { Length: > 0 } policies) configuration.Policies = [.. policies.SelectMany(List)];
        configuration.Server = arguments.GetValue(_server) ?? configuration.Server;
        configuration.Baseline = arguments.GetValue(_baseline) ?? configuration.Baseline;
        configuration.Suite = arguments.GetValue(_suite) ?? configuration.Suite;
        if (arguments.GetValue(_tasks) is { } tasks) configuration.Tasks = List(tasks);
        if (arguments.GetValue(_variations) is { } variations) configuration.Variations = List(variations);
        configuration.Episodes = arguments.GetValue(_episodes) ?? configuration.Episodes;
        if (configuration.Episodes is < 1 or > 1_000_000) throw new UsageException($"--episodes is {configuration.Episodes}; expected 1 … 1000000");
        if (arguments.GetResult("--seed") is OptionResult { Implicit: false }) configuration.FirstSeed = arguments.GetValue<ulong>("--seed");
    }

    /// <inheritdoc />
    protected override Task<int> RunAsync(VerbRun<EvalSettings> run, CancellationToken cancellation) => Task.Run(() => Evaluate(run, cancellation), CancellationToken.None);

    private static async Task<int> Evaluate(VerbRun<EvalSettings> run, CancellationToken cancellation)
    {
        var settings = run.Configuration;
        var suite = Suite(settings);
        int total = suite.Specs().Count;
        var policies = await EvaluatedPolicy.OpenAllAsync(settings, cancellation).ConfigureAwait(false);
        try
        {
            run.Context.Progress.Note($"suite {suite.Name}: {total} episodes of each policy ({string.Join(", ", policies.Select(policy => policy.Name))})");
            settings.Token = null; // a secret is not written down
            AtomicFile.WriteText(Path.Combine(run.Out, "config.yaml"), ConfigurationLoader.ToYaml(settings));
            var job = new SuiteRun(suite, settings.Environments, new OutcomeStore(Path.Combine(run.Out, "outcomes")), run.Context.Progress, cancellation);
            var outcomes = job.Run(policies);
            double? rate = job.Simulated > 0 ? job.Simulated / job.Seconds : null;
            var results = SuiteResults.Of(suite, policies, outcomes, new(job.Simulated, job.Taken, job.Seconds, rate, settings.Environments));
            SuiteReport.Write(run.Out, results, $"./engine eval --config {Path.Combine(run.Out, "config.yaml")} --out {run.Out}");
            SuiteReport.Print(run.Context.Out, run.Out, results);
            foreach (var policy in policies)
            {
                if (policy.Times is { Count: > 0 } times) run.Context.Out.WriteLine(FormattableString.Invariant($"{policy.Name}: round trip p50 {times.P50:0.00} ms, p99 {times.P99:0.00} ms"));
            }

            return 0;
        }
        finally
        {
            foreach (var policy in policies) policy.Dispose();
        }
    }

    private static EvaluationSuite Suite(EvalSettings settings)
    {
        var suite = SuiteFiles.Read(settings.Suite);
        suite = suite with
        {
            Tasks = settings.Tasks?.ToArray() ?? suite.Tasks,
            Variations = settings.Variations?.ToArray() ?? suite.Variations,
            Episodes = settings.Episodes ?? suite.Episodes,
            FirstSeed = settings.FirstSeed ?? suite.FirstSeed,
            Temperature = settings.Temperature ?? suite.Temperature,
        };
        foreach (string name in suite.Tasks.Concat(suite.Variations).GroupBy(name => name).Where(group => group.Count() > 1).Select(group => group.Key))
            throw new UsageException($"suite {suite.Name} names '{name}' twice; once is enough");
        return suite;
    }

    private static List<string> List(string text) => [.. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
}
