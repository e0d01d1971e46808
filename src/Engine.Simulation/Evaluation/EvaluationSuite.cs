using Engine.Runtime.Contract;
using Engine.Simulation.Tabletop;

namespace Engine.Simulation.Evaluation;

/// <summary>
/// What an evaluation runs: every task in every variation, on the same seeds. A plain record that a YAML file fills
/// (configs/evaluation). The same seed in two variations is the same scene but for the thing varied, and two policies are compared
/// on the same episodes.
/// </summary>
public sealed record EvaluationSuite
{
    /// <summary>Name for people and reports.</summary>
    public string Name { get; init; } = "";

    /// <summary>What it is for, in a sentence.</summary>
    public string Description { get; init; } = "";

    /// <summary>Task families: <c>reach</c>, <c>push</c>, <c>pick</c>, <c>put</c>.</summary>
    public string[] Tasks { get; init; } = [];

    /// <summary>Variations (see <see cref="TaskVariations"/>).</summary>
    public string[] Variations { get; init; } = [TaskVariations.InDistribution];

    /// <summary>Episodes of each task in each variation.</summary>
    public int Episodes { get; init; } = 100;

    /// <summary>
    /// Seed of the first episode. The same seed is the same scene, so keep it away from the seeds of training data: a learning run with seed s
    /// records within 100 000 000·s + 1 000 000 … 10 000 000.
    /// </summary>
    public ulong FirstSeed { get; init; } = 50_000_000;

    /// <summary>Sampling temperature of the policy; 0 takes the most probable actions.</summary>
    public float Temperature { get; init; }

    /// <summary>Every episode, ordered by task, variation and seed.</summary>
    /// <exception cref="ArgumentException">A task or variation is unknown, or there is nothing to run; the message says what is possible.</exception>
    public IReadOnlyList<EpisodeSpec> Specs()
    {
        if (Tasks.Length == 0) throw new ArgumentException($"Suite '{Name}' names no tasks. Known tasks: {string.Join(", ", TaskFamily.All.Select(family => family.Name))}.");
        if (Variations.Length == 0) throw new ArgumentException($"Suite '{Name}' names no variations. Known variations: {string.Join(", ", TaskVariations.All)}.");
        if (Episodes < 1) throw new ArgumentException($"Suite '{Name}' asks for {Episodes} episodes: expected 1 or more.");
        if (!float.IsFinite(Temperature) || Temperature < 0) throw new ArgumentException($"Suite '{Name}' has temperature {Temperature}: expected 0 or more.");
        foreach (string task in Tasks) _ = TaskFamily.Find(task);
        foreach (string variation in Variations) _ = TaskVariations.IndexOf(variation);
        return
        [
            .. from task in Tasks
               from variation in Variations
               from i in Enumerable.Range(0, Episodes)
               select new EpisodeSpec(task, variation, FirstSeed + (ulong)i),
        ];
    }
}
