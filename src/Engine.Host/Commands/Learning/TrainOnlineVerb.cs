using Engine.Host.Pipeline;

namespace Engine.Host.Commands.Learning;

/// <summary>Improve the cloned policy by PPO in the dream, behind the calibration gate.</summary>
public sealed class TrainOnlineVerb : LearningVerb
{
    public override string Name => "train online";

    public override string Summary => "Improve the cloned policy by PPO in the dream, behind the calibration gate.";

    public override IReadOnlyList<string> Examples => ["train online --out runs/mine", "train online --out runs/mine online.iterations=80"];

    /// <inheritdoc />
    protected override bool Dreams => true;

    protected override int Run(LearningRun run, EngineSettings settings, VerbContext context)
    {
        run.Prepare(LearningPart.Dream);
        var online = run.TrainOnline();
        context.Out.WriteLine(online.Ran ? $"kept the policy after {online.KeptIteration} updates: {run.Folder.At("policies", "online")}" : "PPO was refused by the gate.");
        return 0;
    }
}
