using Engine.Host.Pipeline;

namespace Engine.Host.Commands.Learning;

/// <summary>Record demonstrations and play in the simulator.</summary>
public sealed class CollectVerb : LearningVerb
{
    public override string Name => "collect";

    public override string Summary => "Record demonstrations and play in the simulator.";

    public override IReadOnlyList<string> Examples => ["collect --out runs/mine", "collect --out runs/push task=push collect.demonstrations=400"];

    /// <inheritdoc />
    protected override bool TakesData => false;

    /// <inheritdoc />
    protected override bool Trains => false;

    protected override int Run(LearningRun run, EngineSettings settings, VerbContext context)
    {
        var result = run.Collect();
        context.Out.WriteLine($"expert without noise: {result.Expert.Rate:P1} of {result.Expert.Total}");
        context.Out.WriteLine($"demonstrations: {result.Demonstrations.Episodes} episodes, {result.Demonstrations.Success:P1} successful, in {run.Folder.At("data", "demonstrations")}");
        context.Out.WriteLine($"play: {result.Play.Episodes} episodes, {result.Play.Success:P1} successful, in {run.Folder.At("data", "play")}");
        return 0;
    }
}
