using Engine.Host.Pipeline;

namespace Engine.Host.Commands.Learning;

/// <summary>Train the success classifier and the dense reward.</summary>
public sealed class TrainRewardVerb : LearningVerb
{
    public override string Name => "train reward";

    public override string Summary => "Train the success classifier and the dense reward.";

    public override IReadOnlyList<string> Examples => ["train reward --out runs/mine", "train reward --out runs/mine reward.steps=2000"];

    protected override int Run(LearningRun run, EngineSettings settings, VerbContext context)
    {
        run.Prepare(LearningPart.Models);
        var reward = run.TrainReward();
        context.Out.WriteLine($"held-out episodes {reward.HeldOutEpisodes}: AUC {reward.Auc:F3}, correlation with progress {reward.ProgressCorrelation:F3}, classifier F1 {reward.F1:F3} at threshold {reward.Threshold:F2}");
        return 0;
    }
}
