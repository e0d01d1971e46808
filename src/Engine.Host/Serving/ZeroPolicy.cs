using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>Gives zeros: a robot that adds actions to its pose stands still.</summary>
public sealed class ZeroPolicy(PolicyContract contract) : IPolicy
{
    public PolicyContract Contract => contract;

    public void Act(ObservationBatch observations, Span<float> actions, float temperature = 0f, ReadOnlySpan<float> uniforms = default)
    {
        int expected = observations.Count * contract.ActionHorizon * contract.ActionNames.Length;
        if (actions.Length != expected) throw new ArgumentException($"actions has {actions.Length} numbers, expected {expected}.", nameof(actions));
        actions.Clear();
    }

    public void Dispose()
    {
    }
}
