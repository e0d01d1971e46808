using Engine.Host.Pipeline;

namespace Engine.Host.Commands.Learning;

/// <summary>The whole loop on the embedded simulator.</summary>
public sealed class QuickstartVerb : LearningVerb
{
    public override string Name => "quickstart";

    public override string Summary => "Run the whole loop: demonstrations, dream, reward, policies, evaluation, serving, report.";

    public override IReadOnlyList<string> Examples => ["quickstart", "quickstart --out runs/first --seed 3", "quickstart evaluation.episodes=200 online.iterations=80"];

    /// <inheritdoc />
    protected override bool Dreams => true;

    protected override int Run(LearningRun run, EngineSettings settings, VerbContext context)
    {
        run.Prepare(LearningPart.Dream);
        run.TrainOffline();
        run.TrainOnline();
        run.Evaluate(LearningRun.QuickstartPolicies, LearningRun.QuickstartStages);
        run.ServeCheck();
        var summary = run.Summarise();
        RunReport.Write(run, summary);
        RunReport.Print(run, summary, context.Out);
        return 0;
    }
}
