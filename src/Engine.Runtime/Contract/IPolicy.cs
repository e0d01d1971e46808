namespace Engine.Runtime.Contract;

/// <summary>A policy that can be run: observations in, action chunks out, in the environment's units.</summary>
public interface IPolicy : IDisposable
{
    PolicyContract Contract { get; }

    /// <summary>
    /// Computes action chunks float32 [B, ActionHorizon, A] for a batch, greedily (arg-max) when <paramref name="temperature"/> is 0.
    /// </summary>
    /// <param name="observations">The batch.</param>
    /// <param name="actions">Destination, B·H·A numbers.</param>
    /// <param name="temperature">Sampling temperature; 0 takes the most probable tokens.</param>
    /// <param name="uniforms">When sampling: one number in (0, 1) per action token, [B, H·A]; otherwise empty.</param>
    /// <exception cref="ArgumentException">The batch does not fit the contract; the message says where.</exception>
    void Act(ObservationBatch observations, Span<float> actions, float temperature = 0f, ReadOnlySpan<float> uniforms = default);
}
