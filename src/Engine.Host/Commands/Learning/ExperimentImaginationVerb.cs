using Engine.Host.Configuration;
using Engine.Host.Pipeline;
using Engine.Runtime.Weights;

namespace Engine.Host.Commands.Learning;

/// <summary>The field's claim, tested: does learning in the dream help for real?</summary>
public sealed class ExperimentImaginationVerb : LearningVerb
{
    public override string Name => "experiment imagination";

    public override string Summary => "Test over several training seeds whether PPO in the dream improves a policy for real.";

    public override IReadOnlyList<string> Examples => ["experiment imagination", "experiment imagination --out runs/imagination evaluation.episodes=200 experiment.seeds=3"];

    protected override string DefaultOut => Path.Combine("runs", "imagination");

    /// <inheritdoc />
    protected override bool Dreams => true;

    protected override int Run(VerbRun<EngineSettings> run, EngineSettings settings, CancellationToken cancellation)
    {
        Directory.CreateDirectory(run.Out);
        AtomicFile.WriteText(Path.Combine(run.Out, "config.yaml"), ConfigurationLoader.ToYaml(settings));
        ImaginationExperiment.Run(run.Out, settings, run.Context.Progress, run.Context.Out, cancellation);
        return 0;
    }
}
