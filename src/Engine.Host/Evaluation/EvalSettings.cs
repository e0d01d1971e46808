using System.ComponentModel.DataAnnotations;
using Engine.Host.Pipeline;

namespace Engine.Host.Evaluation;

/// <summary>Configuration of <c>engine eval</c>.</summary>
public sealed class EvalSettings
{
    /// <summary>Folders of exported policies, folders of runs with one policy, or <c>expert</c>.</summary>
    public List<string> Policies { get; set; } = [];

    /// <summary>The policy that the others are compared with, by its name or folder; the first one when not set.</summary>
    public string? Baseline { get; set; }

    /// <summary>A policy that runs in another process: <c>ws://host:port</c> of an openpi server.</summary>
    public string? Server { get; set; }

    /// <summary>Token for the server; the environment variable ENGINE_TOKEN where this is not set.</summary>
    public string? Token { get; set; }

    /// <summary>Connections to the server; their observations can be answered in one inference.</summary>
    [Range(1, 256)]
    public int Connections { get; set; } = 8;

    /// <summary>Name of a suite in configs/evaluation, or a YAML file.</summary>
    public string Suite { get; set; } = "quick";

    /// <summary>Task families in place of the suite's.</summary>
    public List<string>? Tasks { get; set; }

    /// <summary>Variations in place of the suite's.</summary>
    public List<string>? Variations { get; set; }

    /// <summary>Episodes of each task in each variation, in place of the suite's.</summary>
    [Range(1, 1_000_000)]
    public int? Episodes { get; set; }

    /// <summary>Seed of the first episode, in place of the suite's.</summary>
    public ulong? FirstSeed { get; set; }

    /// <summary>Sampling temperature, in place of the suite's; 0 takes the most probable actions.</summary>
    [Range(0.0, 100.0)]
    public float? Temperature { get; set; }

    /// <summary>Environments at once.</summary>
    [Range(1, 4096)]
    public int Environments { get; set; } = new EngineSettings().Environments;

    /// <summary>Threads of one inference; 0 takes one a core.</summary>
    [Range(0, 1024)]
    public int Threads { get; set; }
}
