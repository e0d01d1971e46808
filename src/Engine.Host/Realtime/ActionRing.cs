using System.Runtime.CompilerServices;
using Engine.Host.Realtime.Interop;

namespace Engine.Host.Realtime;

/// <summary>
/// A control tick's ring, opened by its path: chunks in, actions out. Nothing here allocates after it is open. One thread at a time.
/// </summary>
public sealed unsafe class ActionRing : IDisposable
{
    private readonly RingHandle _ring;
    private ulong _sequence;

    private ActionRing(RingHandle ring, TickSettings settings) => (_ring, Settings) = (ring, settings);

    /// <summary>What the tick was started with.</summary>
    public TickSettings Settings { get; }

    /// <summary>Opens a ring to submit chunks. There is one writer at a time; the tick notices at its next tick when it goes or dies.</summary>
    /// <exception cref="RealtimeException">There is no ring, its tick has ended, or it has a writer already.</exception>
    public static ActionRing OpenWriter(string path) => Open(path, writer: true);

    /// <summary>Opens a ring to read what is published, and to stop and resume.</summary>
    /// <exception cref="RealtimeException">There is no ring, or its tick has ended.</exception>
    public static ActionRing OpenReader(string path) => Open(path, writer: false);

    /// <summary>Submits a chunk under the next free sequence.</summary>
    /// <param name="actions">float32 [rows, A], 1 to H rows, in the contract's units.</param>
    /// <param name="observed">When its observation was taken (ns, CLOCK_MONOTONIC); 0: unknown.</param>
    /// <param name="first">When its first action is due; 0: at the tick that takes it.</param>
    /// <returns>The sequence.</returns>
    /// <exception cref="ArgumentException">It is not a whole number of actions, or too many.</exception>
    public ulong Submit(ReadOnlySpan<float> actions, long observed = 0, long first = 0)
    {
        Submit(_sequence, actions, observed, first);
        return _sequence++;
    }

    /// <summary>Submits a chunk under a sequence of its own, which must be higher than any before.</summary>
    /// <exception cref="ArgumentException">It is not a whole number of actions, or too many.</exception>
    public void Submit(ulong sequence, ReadOnlySpan<float> actions, long observed = 0, long first = 0)
    {
        int width = Settings.Limits.Count;
        if (actions.IsEmpty || actions.Length % width != 0 || actions.Length / width > Settings.Horizon)
            throw new ArgumentException($"a chunk of {actions.Length} numbers; expected 1 to {Settings.Horizon} actions of {width}.", nameof(actions));
        fixed (float* pointer = actions) RealtimeNative.Check(RealtimeNative.Submit(_ring, sequence, observed, first, pointer, actions.Length / width));
    }

    /// <summary>Says where the robot stands, [A]; to be done before the first chunk, and again where it has been moved otherwise. Only while nothing moves.</summary>
    /// <exception cref="ArgumentException">It has another width.</exception>
    public void Anchor(ReadOnlySpan<float> position)
    {
        if (position.Length != Settings.Limits.Count)
            throw new ArgumentException($"a position of {position.Length} numbers; expected {Settings.Limits.Count}.", nameof(position));
        fixed (float* pointer = position) RealtimeNative.Check(RealtimeNative.Anchor(_ring, pointer));
    }

    /// <summary>Says that the source of chunks is alive.</summary>
    public void Beat() => RealtimeNative.Check(RealtimeNative.Beat(_ring));

    /// <summary>Ends a stop as soon as a new chunk is there.</summary>
    public void Resume() => RealtimeNative.Check(RealtimeNative.Resume(_ring));

    /// <summary>Ramps to the safe stop; only <see cref="Resume"/> ends it.</summary>
    public void Stop() => RealtimeNative.Check(RealtimeNative.Stop(_ring));

    /// <summary>Reads the newest publication; false where there is none yet.</summary>
    public bool TryRead(out TickPublication publication) => TryRead(0, out publication);

    /// <summary>Reads the publication of a tick; false where it is not there yet, or more than 64 ticks ago.</summary>
    public bool TryRead(ulong tick, out TickPublication publication)
    {
        int status = RealtimeNative.Read(_ring, tick, out publication, (ulong)Unsafe.SizeOf<TickPublication>());
        if (status == (int)RealtimeStatus.Again) return false;
        RealtimeNative.Check(status);
        return true;
    }

    /// <summary>Sleeps until a tick after the given one is published; false where that takes longer than the limit.</summary>
    /// <exception cref="RealtimeException">The tick has ended (<see cref="RealtimeStatus.Gone"/>).</exception>
    public bool Wait(ulong after, TimeSpan limit)
    {
        int status = RealtimeNative.Wait(_ring, after, Math.Min(limit.Ticks, long.MaxValue / 200) * 100);
        if (status == (int)RealtimeStatus.Again) return false;
        RealtimeNative.Check(status);
        return true;
    }

    /// <summary>State, counters, lateness.</summary>
    public TickStatus ReadStatus()
    {
        RealtimeNative.Check(RealtimeNative.ReadStatus(_ring, out var status, (ulong)Unsafe.SizeOf<TickStatus>()));
        return status;
    }

    public void Dispose() => _ring.Dispose();

    private static ActionRing Open(string path, bool writer)
    {
        RealtimeNative.Ensure();
        RealtimeNative.Check(RealtimeNative.Attach(path, writer ? 1 : 0, out var handle));
        RealtimeNative.Check(RealtimeNative.Describe(handle, out var config, (ulong)sizeof(RealtimeNative.Config)));
        var ring = new ActionRing(handle, TickSettings.FromNative(config));
        if (writer) RealtimeNative.Check(RealtimeNative.NextSequence(handle, out ring._sequence));
        return ring;
    }
}
