using Engine.Runtime.Contract;

namespace Engine.Simulation.Evaluation;

/// <summary>
/// Whoever chooses the actions in an environment: a policy, a scripted expert, play. What an actor does in one episode depends on
/// that episode alone (its spec and observations), never on which other episodes run beside it.
/// </summary>
public interface IActor
{
    /// <summary>What <see cref="Episode.Actor"/> says, e.g. <c>expert</c>.</summary>
    string Name { get; }

    /// <summary>A new episode begins in one environment, which has just been reset.</summary>
    void Begin(int environment, EpisodeSpec spec);

    /// <summary>Chooses the next action of several environments.</summary>
    /// <param name="world">The environments.</param>
    /// <param name="environments">Which of them are asked for, n indices.</param>
    /// <param name="frames">Their pictures at this step, drawn when they are asked for.</param>
    /// <param name="actions">Destination [n, 7], in the environment's units.</param>
    void Act(IVectorEnvironment world, ReadOnlySpan<int> environments, ObservationFrames frames, Span<float> actions);
}
