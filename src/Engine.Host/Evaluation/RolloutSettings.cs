using System.ComponentModel.DataAnnotations;

namespace Engine.Host.Evaluation;

/// <summary>Configuration of <c>engine rollout</c>.</summary>
public sealed class RolloutSettings
{
    /// <summary>Folder of the run whose models dream.</summary>
    public string Run { get; set; } = Path.Combine("runs", "quickstart");

    /// <summary>A policy of the run by name (bc, offline, online), or the folder of an exported one.</summary>
    public string Policy { get; set; } = "bc";

    /// <summary>Number of imagined episodes.</summary>
    [Range(1, 10_000_000)]
    public int Episodes { get; set; } = 64;

    /// <summary>Dreams at once.</summary>
    [Range(1, 4096)]
    public int Environments { get; set; } = 64;

    /// <summary>Data directory from whose first frames dreams begin; the run's own rollouts where it is not set.</summary>
    public string? Data { get; set; }

    /// <summary>Sampling temperature; 0 takes the most probable actions.</summary>
    [Range(0.0, 100.0)]
    public float Temperature { get; set; }

    /// <summary>Steps after which an episode is cut; the task family's limit where it is not set.</summary>
    [Range(1, 10_000)]
    public int? Steps { get; set; }

    /// <summary>Where the world model runs: cpu, cuda, or cuda:1 … for another GPU than the first.</summary>
    public string Device { get; set; } = "cpu";

    /// <summary>Dreams in the film.</summary>
    [Range(1, 64)]
    public int Shown { get; set; } = 9;
}
