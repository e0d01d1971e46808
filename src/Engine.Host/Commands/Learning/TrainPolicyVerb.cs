using Engine.Host.Pipeline;

namespace Engine.Host.Commands.Learning;

/// <summary>Clone the demonstrations into a policy (and whatever that needs first).</summary>
public sealed class TrainPolicyVerb : LearningVerb
{
    public override string Name => "train policy";

    public override string Summary => "Clone the demonstrations into a policy (and whatever that needs first).";

    public override IReadOnlyList<string> Examples => ["train policy --out runs/mine", "train policy --out runs/mine --data recorded/mine cloning.steps=2000"];

    protected override int Run(LearningRun run, EngineSettings settings, VerbContext context)
    {
        run.Prepare(LearningPart.Policy);
        context.Out.WriteLine($"policy: {run.Folder.At("policies", "bc")}");
        return 0;
    }
}
