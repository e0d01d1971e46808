namespace Engine.Runtime.WorldModel;

/// <summary>
/// Many dreams at once, wherever they are computed: on the processor (<see cref="DreamState"/>) or on a GPU (<see cref="Cuda.CudaDreamState"/>). Each environment is
/// a sequence of latent frames that grows by one frame per step, denoised by DDIM under its action. A frame depends on its own environment's past, the
/// seed, and (environment, episode, frame) only, bit for bit, whatever the batch or its order. Not for several threads at once.
/// </summary>
public interface IDream : IDisposable
{
    /// <summary>Number of environments.</summary>
    int Environments { get; }

    /// <summary>What happens when the window slides.</summary>
    DreamMode Mode { get; }

    /// <summary>DDIM steps per frame.</summary>
    int SamplingSteps { get; }

    /// <summary>Frames in sight, the new one included.</summary>
    int Window { get; }

    /// <summary>Seed of the noise.</summary>
    ulong Seed { get; }

    /// <summary>Frames of an environment's episode so far, context included; 0 before its first reset.</summary>
    int FrameCount(int environment);

    /// <summary>
    /// Begins a new episode of one environment from recorded frames. Cheap: the frames enter the network with the next step.
    /// </summary>
    /// <param name="environment">Which one.</param>
    /// <param name="episode">Number of the episode; with the same number the same noise comes again.</param>
    /// <param name="contextLatents">Clean latents [n, H, W, C], n ≥ 1; only the newest Window − 1 are seen.</param>
    /// <param name="actions">[n, A]: action k conditions frame k.</param>
    /// <exception cref="ArgumentException">A length or a number does not fit.</exception>
    void Reset(int environment, uint episode, ReadOnlySpan<float> contextLatents, ReadOnlySpan<float> actions);

    /// <summary>Dreams the next frame of each listed environment.</summary>
    /// <param name="environments">Distinct environments, n of them, in any order.</param>
    /// <param name="actions">[n, A]: the action that conditions the new frame.</param>
    /// <param name="latents">Receives the new frames' clean latents, [n, H, W, C].</param>
    /// <exception cref="ArgumentException">A length does not fit, an environment is unknown or listed twice.</exception>
    /// <exception cref="InvalidOperationException">An environment was never reset.</exception>
    void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, Span<float> latents);

    /// <summary>The same with the initial noise given, [n, H, W, C], instead of drawn.</summary>
    /// <inheritdoc cref="Step(ReadOnlySpan{int}, ReadOnlySpan{float}, Span{float})"/>
    void Step(ReadOnlySpan<int> environments, ReadOnlySpan<float> actions, ReadOnlySpan<float> noise, Span<float> latents);

    /// <summary>Copies an environment's newest frame, [H, W, C].</summary>
    /// <exception cref="InvalidOperationException">The environment was never reset.</exception>
    void CopyLatents(int environment, Span<float> latents);

    /// <summary>
    /// Lets environment <paramref name="destination"/> go on from where <paramref name="source"/> stands, as episode <paramref name="episode"/>:
    /// same past, noise of its own.
    /// </summary>
    void Fork(int source, int destination, uint episode);

    /// <summary>A copy of everything that one environment's future depends on, besides weights and seed.</summary>
    DreamSnapshot Snapshot(int environment);

    /// <summary>Puts an environment back to a snapshot; in the environment that it was taken from, the same future follows.</summary>
    /// <exception cref="ArgumentException">The snapshot is of a dream of another kind, shape or window.</exception>
    void Restore(int environment, DreamSnapshot snapshot);
}
