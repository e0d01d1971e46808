namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>What the host knows of one environment of a dream on a device: how far it is, and its newest actions. Frames and caches are on the device.</summary>
internal sealed class CudaTrack(int window, int actionDim)
{
    // The window, the frame being made, and the one before the window that its first frame may be shown.
    private readonly int _capacity = window + 1;

    /// <summary>Ring of actions: frame f's stands at f mod capacity.</summary>
    public float[] Actions { get; } = new float[(window + 1) * actionDim];

    public uint Episode { get; set; }

    /// <summary>Frames so far; 0 before the first reset.</summary>
    public int Frames { get; set; }

    /// <summary>The frame that has position 0 in the cache.</summary>
    public int Origin { get; set; }

    /// <summary>Frames <see cref="Origin"/> … Entered − 1 stand in the cache with their clean keys and values (those that the ring still holds).</summary>
    public int Entered { get; set; }

    /// <summary>Place of a frame in the ring of latents.</summary>
    public int PlaceOf(int frame) => frame % _capacity;

    public Span<float> ActionOf(int frame) => Actions.AsSpan(frame % _capacity * actionDim, actionDim);

    /// <summary>Lets the cache be rebuilt from the newest <paramref name="frames"/> frames.</summary>
    public void Restart(int frames) => Origin = Entered = Math.Max(0, Frames - frames);

    public void CopyFrom(CudaTrack other)
    {
        (Episode, Frames, Origin, Entered) = (other.Episode, other.Frames, other.Origin, other.Entered);
        other.Actions.CopyTo(Actions, 0);
    }

    public void CopyFrom(CudaSnapshot snapshot)
    {
        (Episode, Frames, Origin, Entered) = (snapshot.Episode, snapshot.Frames, snapshot.Origin, snapshot.Entered);
        snapshot.Actions.CopyTo(Actions, 0);
    }
}
