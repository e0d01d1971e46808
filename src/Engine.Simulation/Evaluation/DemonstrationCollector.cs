using Engine.Runtime.Contract;

namespace Engine.Simulation.Evaluation;

/// <summary>Records episodes for training; failures are kept and labelled as such.</summary>
public static class DemonstrationCollector
{
    /// <summary>
    /// Runs <paramref name="actor"/> through every spec and streams the episodes in the order of the specs, as they become ready.
    /// </summary>
    /// <param name="world">The environments; as many episodes run at a time as it has.</param>
    /// <param name="specs">The episodes.</param>
    /// <param name="actor">Who acts.</param>
    /// <param name="cameras">Cameras to record; null records all.</param>
    /// <param name="progress">Where to say how far it is.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="ArgumentException">A task, a variation or a camera is unknown.</exception>
    public static IEnumerable<Episode> Collect(
        IVectorEnvironment world,
        IReadOnlyList<EpisodeSpec> specs,
        IActor actor,
        IReadOnlyList<string>? cameras = null,
        IProgressReporter? progress = null,
        CancellationToken cancellation = default)
    {
        cameras ??= [.. world.Info.Cameras.Select(camera => camera.Name)];
        using var task = (progress ?? SilentProgress.Instance).Begin($"collecting ({actor.Name})", specs.Count, "episodes");
        int count = 0, successes = 0;
        foreach (var result in EpisodeRunner.Run(world, specs, actor, cameras, cancellation))
        {
            count++;
            if (result.Outcome.Success) successes++;
            task.Advance(1, $"success {successes / (double)count:P0}");
            yield return result.Episode!;
        }
    }
}
