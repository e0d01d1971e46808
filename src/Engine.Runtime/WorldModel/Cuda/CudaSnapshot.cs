using Engine.Kernels.Devices.Cuda;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>A snapshot of a <see cref="CudaDreamState"/>, in host memory.</summary>
internal sealed class CudaSnapshot(CudaTrack track, float[] latents, Bfloat16[] keys, Bfloat16[] values)
    : DreamSnapshot(track.Episode, track.Frames, track.Origin, track.Entered)
{
    public float[] Actions { get; } = [.. track.Actions];

    public float[] Latents => latents;

    public Bfloat16[] Keys => keys;

    public Bfloat16[] Values => values;
}
