using System.CommandLine;
using Engine.Host.Configuration;
using Engine.Host.Pipeline;
using Engine.Runtime.Weights;
using Engine.Training.Torch;

namespace Engine.Host.Commands.Learning;

/// <summary>
/// A verb that works on a run's folder: <c>--out</c>, <c>--config</c>, <c>--seed</c> and <c>key=value</c> settings. Stages that the folder holds
/// already, made with the same settings, are taken as they are.
/// </summary>
public abstract class LearningVerb : Verb
{
    private readonly Option<string> _out = new("--out", "-o") { Description = "Folder of the run; made when absent, continued when not." };
    private readonly Option<string?> _config = new("--config", "-c") { Description = "YAML file with settings." };
    private readonly Option<ulong?> _seed = new("--seed") { Description = "Seed of everything that is drawn at random." };
    private readonly Argument<string[]> _settings = new("settings") { Description = "Settings as key=value, e.g. world_model.steps=3000", Arity = ArgumentArity.ZeroOrMore };

    /// <summary>The folder when none is named.</summary>
    protected virtual string DefaultFolder => "runs/quickstart";

    /// <summary>The configuration when none is named; null for the defaults.</summary>
    protected virtual string? DefaultConfiguration => null;

    public override void Configure(Command command)
    {
        _out.DefaultValueFactory = _ => DefaultFolder;
        command.Add(_out);
        command.Add(_config);
        command.Add(_seed);
        command.Add(_settings);
    }

    public override Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        var overrides = arguments.GetValue(_settings)!.ToList();
        if (arguments.GetValue(_seed) is { } seed) overrides.Add($"seed={seed}");
        var settings = ConfigurationLoader.Load<EngineSettings>(arguments.GetValue(_config) ?? DefaultConfiguration, overrides);
        TorchRuntime.Initialise(Environment.ProcessorCount);
        var folder = new RunFolder(arguments.GetValue(_out)!);
        AtomicFile.WriteText(folder.At("config.yaml"), ConfigurationLoader.ToYaml(settings));
        using var run = new LearningRun(folder, settings, context.Progress, cancellation);
        return Task.Run(() => Run(run, settings, context), CancellationToken.None);
    }

    /// <summary>Does the verb's part of the run.</summary>
    protected abstract int Run(LearningRun run, EngineSettings settings, VerbContext context);
}
