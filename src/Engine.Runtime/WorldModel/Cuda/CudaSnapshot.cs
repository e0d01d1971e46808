namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>A snapshot of a <see cref="CudaDreamState"/>, in host memory.</summary>
internal sealed class CudaSnapshot(CudaTrack track, float[] latents, byte[] keys, byte[] values)
    : DreamSnapshot(track.Episode, track.Frames, track.Origin, track.Entered)
{
    public float[] Actions { get; } = [.. track.Actions];

    public float[] Latents => latents;

    /// <summary>Every layer's, as the model stores them.</summary>
    public byte[] Keys => keys;

    /// <summary>Likewise.</summary>
    public byte[] Values => values;
}
