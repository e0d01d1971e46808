namespace Engine.Runtime.WorldModel;

/// <summary>The whole state of one environment of a <see cref="DreamState"/> at one moment; fits every dream with the same weights, mode and window.</summary>
public sealed class DreamSnapshot
{
    internal DreamSnapshot(DreamTrack track)
    {
        Episode = track.Episode;
        Frames = track.Frames;
        Origin = track.Origin;
        Entered = track.Entered;
        Latents = track.Latents.Span.ToArray();
        Actions = track.Actions.Span.ToArray();
        (Keys, Values) = track.Cache.ToArrays();
    }

    /// <summary>The episode's number, as given at its reset.</summary>
    public uint Episode { get; }

    /// <summary>Frames of the episode so far, context included.</summary>
    public int Frames { get; }

    internal int Origin { get; }

    internal int Entered { get; }

    internal float[] Latents { get; }

    internal float[] Actions { get; }

    internal float[] Keys { get; }

    internal float[] Values { get; }
}
