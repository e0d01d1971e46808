using System.CommandLine;
using Engine.Host.Configuration;
using Engine.Host.Pipeline;
using Engine.Runtime.Weights;
using Engine.Training.Torch;

namespace Engine.Host.Commands.Learning;

/// <summary>
/// A verb that works on a run's folder (<c>--out</c>). Stages that the folder holds already, made with the same settings, are taken as they are.
/// </summary>
public abstract class LearningVerb : ConfiguredVerb<EngineSettings>
{
    private readonly Option<string[]> _data = new("--data") { Description = "Data directories (with commas between them) to learn from, in place of recording demonstrations and play.", HelpName = "folder[,folder]" };

    private readonly Option<string?> _device = new("--device") { Description = "Where libtorch trains, and policies dream: cpu, cuda, or cuda:1 … for another GPU than the first; cpu unless configured.", HelpName = "name" };

    /// <inheritdoc />
    public override void Configure(Command command)
    {
        base.Configure(command);
        if (Trains) command.Add(_device);
        if (TakesData) command.Add(_data);
    }

    /// <summary>Whether the verb can learn from data that was recorded elsewhere.</summary>
    protected virtual bool TakesData => true;

    /// <summary>Whether the verb trains anything.</summary>
    protected virtual bool Trains => true;

    /// <summary>Whether policies act in dreams, which are on the GPU too where that trains.</summary>
    protected virtual bool Dreams => false;

    /// <inheritdoc />
    protected override void Apply(ParseResult arguments, EngineSettings configuration)
    {
        if (Trains) configuration.Device = arguments.GetValue(_device) ?? configuration.Device;
        if (TakesData && arguments.GetValue(_data) is { Length: > 0 } data)
            configuration.Data = [.. data.SelectMany(list => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Select(Path.GetFullPath)];
    }

    /// <inheritdoc />
    protected override string DefaultOut => Path.Combine("runs", "quickstart");

    /// <inheritdoc />
    protected sealed override Task<int> RunAsync(VerbRun<EngineSettings> run, CancellationToken cancellation)
    {
        var settings = run.Configuration;
        if (run.Seed != DefaultSeed) settings.Seed = run.Seed;
        TorchRuntime.Initialise(Environment.ProcessorCount);
        // Before anything is made: a GPU that is not there should be known at once.
        var device = DeviceOption.OpenTorch(settings.Device);
        if (Dreams) DeviceOption.Open(settings.Device)?.Dispose();
        return Task.Run(
            () =>
            {
                using var scope = new DeviceScope(device);
                return Run(run, settings, cancellation);
            },
            CancellationToken.None);
    }

    /// <summary>Opens the folder as one learning run and does the verb's part of it.</summary>
    protected virtual int Run(VerbRun<EngineSettings> run, EngineSettings settings, CancellationToken cancellation)
    {
        var folder = new RunFolder(run.Out);
        AtomicFile.WriteText(folder.At("config.yaml"), ConfigurationLoader.ToYaml(settings));
        using var learning = new LearningRun(folder, settings, run.Context.Progress, cancellation);
        return Run(learning, settings, run.Context);
    }

    /// <summary>Does the verb's part of the run.</summary>
    protected virtual int Run(LearningRun run, EngineSettings settings, VerbContext context) => 0;
}
