using System.Diagnostics;

namespace Engine.Host.Serving.Client;

/// <summary>Times of requests, kept whole so that percentiles are exact; the newest 2²⁰ of them. Thread-safe.</summary>
public sealed class RoundTripTimes
{
    private const int Kept = 1 << 20;

    private readonly Lock _gate = new();
    private readonly List<float> _milliseconds = [];
    private long _count;

    /// <summary>Requests so far.</summary>
    public long Count
    {
        get
        {
            lock (_gate) return _count;
        }
    }

    /// <summary>Median (ms).</summary>
    public double P50 => Percentile(0.5);

    /// <summary>99th percentile (ms).</summary>
    public double P99 => Percentile(0.99);

    /// <summary>The time (ms) that a fraction of the requests did not exceed (nearest rank); NaN when there were none.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The fraction is not in (0, 1].</exception>
    public double Percentile(double fraction)
    {
        if (!(fraction is > 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(fraction), fraction, "expected a fraction in (0, 1]");
        float[] sorted;
        lock (_gate) sorted = [.. _milliseconds];
        if (sorted.Length == 0) return double.NaN;
        Array.Sort(sorted);
        return sorted[(int)Math.Ceiling(fraction * sorted.Length) - 1];
    }

    public void Clear()
    {
        lock (_gate)
        {
            _milliseconds.Clear();
            _count = 0;
        }
    }

    internal TimeSpan Since(long timestamp)
    {
        var elapsed = Stopwatch.GetElapsedTime(timestamp);
        lock (_gate)
        {
            if (_milliseconds.Count < Kept) _milliseconds.Add((float)elapsed.TotalMilliseconds);
            else _milliseconds[(int)(_count % Kept)] = (float)elapsed.TotalMilliseconds;
            _count++;
        }

        return elapsed;
    }
}
