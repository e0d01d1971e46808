namespace Engine.Runtime.WorldModel;

/// <summary>
/// The whole state of one environment of a dream at one moment; fits every dream with the same weights, mode and window that is computed in the same place.
/// </summary>
public abstract class DreamSnapshot
{
    private protected DreamSnapshot(uint episode, int frames, int origin, int entered)
    {
        Episode = episode;
        Frames = frames;
        Origin = origin;
        Entered = entered;
    }

    /// <summary>The episode's number, as given at its reset.</summary>
    public uint Episode { get; }

    /// <summary>Frames of the episode so far, context included.</summary>
    public int Frames { get; }

    internal int Origin { get; }

    internal int Entered { get; }
}
