using Engine.Runtime.Contract;

namespace Engine.Simulation.Evaluation;

/// <summary>What came of one episode.</summary>
/// <param name="Spec">What the environment was reset to.</param>
/// <param name="Instruction">The instruction in words.</param>
/// <param name="Outcome">The measures.</param>
public sealed record EpisodeResult(EpisodeSpec Spec, string Instruction, EpisodeOutcome Outcome)
{
    /// <summary>The recorded episode, where recording was asked for.</summary>
    public Episode? Episode { get; init; }
}
