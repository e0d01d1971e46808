using System.Runtime.InteropServices;

namespace Engine.Runtime.Contract;

/// <summary>
/// One recorded or imagined episode of T control steps: T + 1 observations, T actions. Action t leads from observation t to t + 1.
/// </summary>
public sealed record Episode
{
    /// <summary>The instruction in words, e.g. <c>reach the red cube</c>.</summary>
    public required string Instruction { get; init; }

    /// <summary>Task family, e.g. <c>reach</c>.</summary>
    public required string Task { get; init; }

    /// <summary>Evaluation variation, <c>in_distribution</c> by default.</summary>
    public string Variation { get; init; } = "in_distribution";

    /// <summary>Who acted: <c>expert</c>, <c>play</c>, <c>policy</c>, <c>dream</c>, <c>remote</c>.</summary>
    public required string Actor { get; init; }

    /// <summary>Seed that the environment was reset with.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Whether the goal predicate held at the end.</summary>
    public required bool Success { get; init; }

    /// <summary>True when the last step ended the episode for good (success or failure), false when the step limit cut it.</summary>
    public required bool Terminated { get; init; }

    /// <summary>Number of control steps T.</summary>
    public int Length => Actions.GetLength(0);

    /// <summary>Images by camera name, u8 [T + 1, H, W, 3], flattened.</summary>
    public required Dictionary<string, byte[]> Images { get; init; }

    /// <summary>States float32 [T + 1, 8].</summary>
    public required float[,] States { get; init; }

    /// <summary>Commanded poses float32 [T + 1, 7]: x, y, z (m), roll, pitch, yaw (rad), gripper (1 open, 0 closed).</summary>
    public required float[,] Commands { get; init; }

    /// <summary>Commanded pose [7] at a time in 0 … T.</summary>
    public ReadOnlySpan<float> Command(int time) => MemoryMarshal.CreateReadOnlySpan(ref Commands[time, 0], Commands.GetLength(1));

    /// <summary>Actions as sent, float32 [T, 7], in the environment's units.</summary>
    public required float[,] Actions { get; init; }

    /// <summary>Task progress as the simulator knows it, float32 [T + 1] in [0, 1], for evaluating rewards only; empty when unknown.</summary>
    public required float[] Progress { get; init; }
}
