using Engine.Host.Pipeline;

namespace Engine.Host.Commands.Learning;

/// <summary>Improve the cloned policy by the offline actor-critic on recorded episodes.</summary>
public sealed class TrainOfflineVerb : LearningVerb
{
    public override string Name => "train offline";

    public override string Summary => "Improve the cloned policy by the offline actor-critic on recorded episodes.";

    public override IReadOnlyList<string> Examples => ["train offline --out runs/mine", "train offline --out runs/mine offline.actor_steps=500"];

    protected override int Run(LearningRun run, EngineSettings settings, VerbContext context)
    {
        run.Prepare(LearningPart.Models);
        run.TrainOffline();
        context.Out.WriteLine($"policy: {run.Folder.At("policies", "offline")}");
        return 0;
    }
}
