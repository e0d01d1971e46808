using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Engine.Host.Realtime;

/// <summary>State, counters and lateness of a control tick.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct TickStatus
{
    /// <summary>Buckets of the lateness.</summary>
    public const int Buckets = 160;

    private TickState _state;
    private StopReason _reason;
    private int _pid, _priority, _locked, _writer;
    private long _time;
    private ulong _ticks, _missed, _chunk, _accepted, _superseded, _torn;
    private ulong _stale, _shape, _notFinite, _late, _limits, _anchor;
    private ulong _position, _velocity, _acceleration;
    private ulong _holds, _stops, _heartbeats;
    private long _latenessMax;
    private Counts _lateness;

    public readonly TickState State => _state;

    public readonly StopReason Reason => _reason;

    /// <summary>The process that ticks.</summary>
    public readonly int ProcessId => _pid;

    /// <summary>Priority under SCHED_FIFO; 0 where that is not permitted.</summary>
    public readonly int Priority => _priority;

    /// <summary>Whether the process's memory is locked.</summary>
    public readonly bool IsMemoryLocked => _locked != 0;

    /// <summary>Whether a writer is attached.</summary>
    public readonly bool HasWriter => _writer != 0;

    /// <summary>When the last tick was due (ns, CLOCK_MONOTONIC).</summary>
    public readonly long TimeNanoseconds => _time;

    /// <summary>Ticks published.</summary>
    public readonly ulong Ticks => _ticks;

    /// <summary>Ticks not published, because the one before came more than a period late.</summary>
    public readonly ulong Missed => _missed;

    /// <summary>Highest sequence accepted.</summary>
    public readonly ulong Chunk => _chunk;

    /// <summary>Chunks accepted.</summary>
    public readonly ulong Accepted => _accepted;

    /// <summary>Chunks that a newer one replaced before the tick looked.</summary>
    public readonly ulong Superseded => _superseded;

    /// <summary>Unfinished writes that were found.</summary>
    public readonly ulong Torn => _torn;

    /// <summary>Chunks refused: not newer than one before.</summary>
    public readonly ulong RefusedStale => _stale;

    /// <summary>Chunks refused: no actions, too many, or of another width.</summary>
    public readonly ulong RefusedShape => _shape;

    /// <summary>Chunks refused: a number is NaN or infinite.</summary>
    public readonly ulong RefusedNotFinite => _notFinite;

    /// <summary>Chunks refused: the observation is too old, or the actions are due long ago or far from now.</summary>
    public readonly ulong RefusedTime => _late;

    /// <summary>Chunks refused: an action is beyond a limit.</summary>
    public readonly ulong RefusedLimits => _limits;

    /// <summary>Anchors refused: outside the box, or while the arm moves.</summary>
    public readonly ulong RefusedAnchors => _anchor;

    /// <summary>Everything refused.</summary>
    public readonly ulong Refused => _stale + _shape + _notFinite + _late + _limits + _anchor;

    /// <summary>Ticks that the workspace changed.</summary>
    public readonly ulong LimitedPosition => _position;

    /// <summary>Ticks that the velocity limit changed.</summary>
    public readonly ulong LimitedVelocity => _velocity;

    /// <summary>Ticks that the acceleration limit changed.</summary>
    public readonly ulong LimitedAcceleration => _acceleration;

    /// <summary>Times that the last action was held.</summary>
    public readonly ulong Holds => _holds;

    /// <summary>Safe stops.</summary>
    public readonly ulong Stops => _stops;

    /// <summary>Times that the heartbeat was lost.</summary>
    public readonly ulong HeartbeatsLost => _heartbeats;

    /// <summary>Greatest time from due to awake (ns).</summary>
    public readonly long LatenessMaxNanoseconds => _latenessMax;

    /// <summary>Ticks by their lateness, bucket by bucket (<see cref="LatenessHistogram"/>).</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<ulong> Lateness => _lateness;

    [InlineArray(Buckets)]
    private struct Counts
    {
        private ulong _first;
    }
}
