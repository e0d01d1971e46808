namespace Engine.Runtime.WorldModel;

/// <summary>A snapshot of a <see cref="DreamState"/>.</summary>
internal sealed class ProcessorSnapshot : DreamSnapshot
{
    public ProcessorSnapshot(DreamTrack track)
        : base(track.Episode, track.Frames, track.Origin, track.Entered)
    {
        Latents = track.Latents.Span.ToArray();
        Actions = track.Actions.Span.ToArray();
        (Keys, Values) = track.Cache.ToArrays();
    }

    public float[] Latents { get; }

    public float[] Actions { get; }

    public float[] Keys { get; }

    public float[] Values { get; }
}
