namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    /// <summary>The policies that the quickstart compares.</summary>
    public static string[] QuickstartPolicies => ["bc", "offline", "online"];

    /// <summary>The stages that made them.</summary>
    public static string[] QuickstartStages => ["clone", "offline", "online"];

    /// <summary>Runs, in order, every stage that comes before a part; stages that stand are not run again.</summary>
    public void Prepare(LearningPart part)
    {
        Collect();
        TrainAutoencoder();
        Clone();
        if (part == LearningPart.Policy) return;
        CollectRollouts();
        TrainWorldModel();
        TrainReward();
        MeasureDream();
        if (part == LearningPart.Dream) Gate();
    }
}
