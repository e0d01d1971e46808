using Engine.Training.Checkpoints;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

public sealed partial class DreamPpo
{
    /// <summary>
    /// Iterations between checkpoints. All dreams begin anew there, whether the run goes on or is resumed, so that no dream in progress
    /// need be kept.
    /// </summary>
    private const int CheckpointEvery = 4;

    private const string PolicyPart = "policy", CriticPart = "critic", PolicyOptimizerPart = "policy_optimizer", CriticOptimizerPart = "critic_optimizer";

    private List<PpoIteration> Resume(string? folder)
    {
        if (folder is null || !Checkpoint.Exists(folder)) return [];
        using var checkpoint = Checkpoint.Load(folder);
        Policy.LoadStateDict(checkpoint.Part(PolicyPart));
        _critic.LoadStateDict(checkpoint.Part(CriticPart));
        _policyOptimizer.LoadStateDict(checkpoint.Part(PolicyOptimizerPart));
        _criticOptimizer.LoadStateDict(checkpoint.Part(CriticOptimizerPart));
        return [.. checkpoint.State<History>().Iterations];
    }

    private void Save(string? folder, List<PpoIteration> history)
    {
        if (folder is null) return;
        using var scope = new TensorScope();
        Checkpoint.Save(folder, new Dictionary<string, IReadOnlyDictionary<string, Tensor>>
        {
            [PolicyPart] = Policy.StateDict(),
            [CriticPart] = _critic.StateDict(),
            [PolicyOptimizerPart] = _policyOptimizer.StateDict(),
            [CriticOptimizerPart] = _criticOptimizer.StateDict(),
        }, new History([.. history]));
    }

    private sealed record History(PpoIteration[] Iterations);
}
