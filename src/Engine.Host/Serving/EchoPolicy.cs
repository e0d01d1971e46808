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
        for (int b = 0; b < observations.Count; b++)
        {
            // The first action, then twice as many, and so on.
            var own = actions.Slice(b * chunk, chunk);
            var first = observations.States.AsSpan(b * state, Math.Min(state, width));
            first.CopyTo(own);
            own[first.Length..width].Clear();
            for (int done = width; done < chunk; done *= 2) own[..Math.Min(done, chunk - done)].CopyTo(own[done..]);
        }
    }

    public void Dispose()
    {
    }
}
