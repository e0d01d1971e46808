using System.Diagnostics;

namespace Engine.Client;

/// <summary>The machine's monotonic clock in nanoseconds, which deadlines are given in. On Linux it is CLOCK_MONOTONIC, the same in every process.</summary>
public static class MonotonicClock
{
    private static readonly double s_scale = 1e9 / Stopwatch.Frequency;

    /// <summary>Now (ns).</summary>
    public static ulong Nanoseconds =>
        Stopwatch.Frequency == 1_000_000_000 ? (ulong)Stopwatch.GetTimestamp() : (ulong)(Stopwatch.GetTimestamp() * s_scale);
}
