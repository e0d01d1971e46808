using Engine.Kernels.Memory;

namespace Engine.Runtime.WorldModel;

/// <summary>One environment's past in a dream: its newest clean frames with their actions, and which of them stand in the cache.</summary>
internal sealed class DreamTrack(WorldModelConfig config, int window) : IDisposable
{
    // The window, the frame being made, and the one before the window that its first frame may be shown.
    private readonly int _capacity = window + 1;

    public KeyValueCache Cache { get; } = new(config, window);

    /// <summary>Ring of clean latents: frame f stands at f mod capacity.</summary>
    public NativeBuffer<float> Latents { get; } = new((window + 1) * config.FrameNumbers);

    /// <summary>Ring of actions, likewise.</summary>
    public NativeBuffer<float> Actions { get; } = new((window + 1) * config.ActionDim);

    public uint Episode { get; set; }

    /// <summary>Frames so far; 0 before the first reset.</summary>
    public int Frames { get; set; }

    /// <summary>The frame that has position 0 in the cache.</summary>
    public int Origin { get; set; }

    /// <summary>Frames <see cref="Origin"/> … Entered − 1 stand in the cache with their clean keys and values (those that the ring still holds).</summary>
    public int Entered { get; set; }

    /// <summary>Frames that are known but not in the cache yet.</summary>
    public int Pending => Frames - Entered;

    public long Bytes => (Cache.Numbers * 2 + Latents.Length + Actions.Length) * sizeof(float);

    public Span<float> LatentsOf(int frame) => Latents.Slice(frame % _capacity * config.FrameNumbers, config.FrameNumbers);

    public Span<float> ActionOf(int frame) => Actions.Slice(frame % _capacity * config.ActionDim, config.ActionDim);

    /// <summary>Lets the cache be rebuilt from the newest <paramref name="frames"/> frames.</summary>
    public void Restart(int frames) => Origin = Entered = Math.Max(0, Frames - frames);

    public void CopyFrom(DreamTrack other)
    {
        Episode = other.Episode;
        Frames = other.Frames;
        Origin = other.Origin;
        Entered = other.Entered;
        other.Latents.Span.CopyTo(Latents.Span);
        other.Actions.Span.CopyTo(Actions.Span);
        Cache.CopyFrom(other.Cache);
    }

    public void CopyFrom(ProcessorSnapshot snapshot)
    {
        Episode = snapshot.Episode;
        Frames = snapshot.Frames;
        Origin = snapshot.Origin;
        Entered = snapshot.Entered;
        snapshot.Latents.CopyTo(Latents.Span);
        snapshot.Actions.CopyTo(Actions.Span);
        Cache.CopyFrom(snapshot.Keys, snapshot.Values);
    }

    public void Dispose()
    {
        Cache.Dispose();
        Latents.Dispose();
        Actions.Dispose();
    }
}
