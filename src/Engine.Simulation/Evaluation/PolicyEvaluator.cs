using Engine.Runtime.Contract;

namespace Engine.Simulation.Evaluation;

/// <summary>Runs policies through episodes and measures them.</summary>
public static class PolicyEvaluator
{
    /// <summary>
    /// Runs a policy on every spec, batched over all environments, with chunks carried out as its contract says. The results are in
    /// the order of the specs and the same however many environments and threads there are, as far as the policy's own arithmetic
    /// does not depend on the batch size.
    /// </summary>
    /// <param name="world">The environments.</param>
    /// <param name="policy">The policy; stays the caller's to dispose.</param>
    /// <param name="specs">The episodes, e.g. of <see cref="EvaluationSuite.Specs"/>.</param>
    /// <param name="temperature">Sampling temperature; 0 takes the most probable actions.</param>
    /// <param name="recordCameras">Cameras to record; null records no episodes.</param>
    /// <param name="progress">Where to say how far it is.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="ArgumentException">The policy's contract does not fit the environment, or a spec is unknown.</exception>
    public static IReadOnlyList<EpisodeResult> Evaluate(
        IVectorEnvironment world,
        IPolicy policy,
        IReadOnlyList<EpisodeSpec> specs,
        float temperature = 0f,
        IReadOnlyList<string>? recordCameras = null,
        IProgressReporter? progress = null,
        CancellationToken cancellation = default) =>
        Evaluate(world, new PolicyActor(policy, temperature), specs, recordCameras, progress, cancellation);

    /// <summary>As above for any actor.</summary>
    public static IReadOnlyList<EpisodeResult> Evaluate(
        IVectorEnvironment world,
        IActor actor,
        IReadOnlyList<EpisodeSpec> specs,
        IReadOnlyList<string>? recordCameras = null,
        IProgressReporter? progress = null,
        CancellationToken cancellation = default)
    {
        using var task = (progress ?? SilentProgress.Instance).Begin("evaluating", specs.Count, "episodes");
        var results = new List<EpisodeResult>(specs.Count);
        int successes = 0;
        foreach (var result in EpisodeRunner.Run(world, specs, actor, recordCameras, cancellation))
        {
            results.Add(result);
            if (result.Outcome.Success) successes++;
            task.Advance(1, $"success {successes / (double)results.Count:P0}");
        }

        return results;
    }
}
