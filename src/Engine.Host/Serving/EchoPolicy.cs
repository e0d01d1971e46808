using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>Gives the state back: number i of every action in the chunk is number i of the state, 0 where the state is shorter.</summary>
public sealed class EchoPolicy(PolicyContract contract) : IPolicy
{
    public PolicyContract Contract => contract;

    public void Act(ObservationBatch observations, Span<float> actions, float temperature = 0f, ReadOnlySpan<float> uniforms = default)
    {
        int width = contract.ActionNames.Length, chunk = contract.ActionHorizon * width, state = contract.StateNames.Length;
        if (actions.Length != observations.Count * chunk)
            throw new ArgumentException($"actions has {actions.Length} numbers, expected {observations.Count}·{contract.ActionHorizon}·{width}.", nameof(actions));
        for (int i = 0; i < actions.Length; i++) actions[i] = i % width < state ? observations.States[i / chunk * state + i % width] : 0f;
    }

    public void Dispose()
    {
    }
}
