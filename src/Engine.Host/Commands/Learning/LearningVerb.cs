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
    /// <inheritdoc />
    protected override string DefaultOut => Path.Combine("runs", "quickstart");

    /// <inheritdoc />
    protected sealed override Task<int> RunAsync(VerbRun<EngineSettings> run, CancellationToken cancellation)
    {
        var settings = run.Configuration;
        if (run.Seed != DefaultSeed) settings.Seed = run.Seed;
        TorchRuntime.Initialise(Environment.ProcessorCount);
        return Task.Run(() => Run(run, settings, cancellation), CancellationToken.None);
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
