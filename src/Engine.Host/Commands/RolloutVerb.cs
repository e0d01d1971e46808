using System.CommandLine;
using System.Globalization;
using Engine.Host.Evaluation;
using Engine.Training.Torch;

namespace Engine.Host.Commands;

/// <summary>Lets a policy act in the dream of a run and records it.</summary>
public sealed class RolloutVerb : ConfiguredVerb<RolloutSettings>
{
    private readonly Option<string?> _run = new("--run", "--world-model") { Description = "Folder of the run whose models dream (its world model, with the autoencoder and the classifier that go with it); runs/quickstart unless configured.", HelpName = "folder" };
    private readonly Option<string?> _policy = new("--policy", "-p") { Description = "A policy of the run (bc, offline, online) or the folder of an exported one; bc unless configured.", HelpName = "name|folder" };
    private readonly Option<int?> _episodes = new("--episodes", "-n") { Description = "Imagined episodes; 64 unless configured.", HelpName = "number" };
    private readonly Option<int?> _environments = new("--environments", "--envs") { Description = "Dreams at once; 64 unless configured.", HelpName = "number" };
    private readonly Option<int?> _steps = new("--steps") { Description = "Steps after which an episode is cut; the task family's limit unless configured.", HelpName = "number" };
    private readonly Option<string?> _data = new("--data") { Description = "Data directory from whose first frames dreams begin; the run's own rollouts otherwise.", HelpName = "folder" };
    private readonly Option<bool> _greedy = new("--greedy") { Description = "Take the most probable actions; so it is unless configured." };
    private readonly Option<float?> _temperature = new("--temperature") { Description = "Draw actions at this temperature.", HelpName = "number" };

    private readonly Option<string?> _device = new("--device") { Description = "Where the world model runs: cpu, cuda, or cuda:1 … for another GPU than the first; cpu unless configured.", HelpName = "name" };

    public override string Name => "rollout";

    public override string Summary => "Imagine episodes of a policy in the dream of a run, as a data directory and a film.";

    public override IReadOnlyList<string> Examples =>
    [
        "rollout --run runs/quickstart --policy online",
        "rollout --run runs/quickstart --policy bc --temperature 1 --episodes 500 --out runs/dreams",
        "rollout --policy exported/mine --world-model runs/quickstart --envs 256 --steps 20 --data runs/quickstart/data/play --out runs/dreams",
    ];

    /// <inheritdoc />
    protected override string SeedDescription => "Seed of the dream's noise.";

    /// <inheritdoc />
    public override void Configure(Command command)
    {
        base.Configure(command);
        foreach (Option option in new Option[] { _run, _policy, _episodes, _environments, _steps, _data, _greedy, _temperature, _device }) command.Add(option);
    }

    /// <inheritdoc />
    protected override void Apply(ParseResult arguments, RolloutSettings configuration)
    {
        configuration.Run = arguments.GetValue(_run) ?? configuration.Run;
        configuration.Policy = arguments.GetValue(_policy) ?? configuration.Policy;
        configuration.Episodes = arguments.GetValue(_episodes) ?? configuration.Episodes;
        configuration.Environments = arguments.GetValue(_environments) ?? configuration.Environments;
        configuration.Steps = arguments.GetValue(_steps) ?? configuration.Steps;
        configuration.Data = arguments.GetValue(_data) ?? configuration.Data;
        configuration.Device = arguments.GetValue(_device) ?? configuration.Device;
        bool greedy = arguments.GetValue(_greedy);
        if (greedy && arguments.GetValue(_temperature) is not null) throw new UsageException("--greedy and --temperature exclude each other; give one");
        configuration.Temperature = greedy ? 0 : arguments.GetValue(_temperature) ?? configuration.Temperature;
        if (configuration.Episodes is < 1 or > 10_000_000) throw new UsageException($"--episodes is {configuration.Episodes}; expected 1 … 10000000");
        if (configuration.Environments is < 1 or > 4096) throw new UsageException($"--environments is {configuration.Environments}; expected 1 … 4096");
        if (configuration.Steps is < 1 or > 10_000) throw new UsageException($"--steps is {configuration.Steps}; expected 1 … 10000");
        if (configuration.Temperature is not (>= 0 and <= 100)) throw new UsageException($"--temperature is {configuration.Temperature.ToString(CultureInfo.InvariantCulture)}; expected 0 … 100");
    }

    /// <inheritdoc />
    protected override Task<int> RunAsync(VerbRun<RolloutSettings> run, CancellationToken cancellation)
    {
        // Before anything is loaded: a GPU that is not there should be known at once.
        var device = DeviceOption.Open(run.Configuration.Device);
        TorchRuntime.Initialise(Environment.ProcessorCount);
        return Task.Run(
            () =>
            {
                using var opened = device;
                var result = new ImaginedRollout(run.Configuration, run.Seed, run.Out, run.Context.Progress, cancellation, opened).Run();
                var output = run.Context.Out;
                string speed = result.FramesPerSecond is { } rate ? string.Create(CultureInfo.InvariantCulture, $", {rate:0} frames/s") : "";
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Episodes} imagined episodes, {result.Frames} frames{speed}"));
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"imagined success {100 * result.ImaginedSuccess:0.0} % (95 % interval {100 * result.Low:0.0} – {100 * result.High:0.0} %)"));
                output.WriteLine($"film: {Path.Combine(run.Out, "dreams.gif")}");
                output.WriteLine($"look at them: ./engine data show {run.Out}");
                return 0;
            },
            CancellationToken.None);
    }
}
