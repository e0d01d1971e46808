using System.Diagnostics;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>Times of one measurement; adding allocates nothing as long as there is room.</summary>
internal sealed class Sample(int room = 1 << 14)
{
    private long[] _ticks = new long[room];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>The median (µs).</summary>
    public double P50 => Percentile(0.5);

    /// <summary>The 99th percentile (µs).</summary>
    public double P99 => Percentile(0.99);

    /// <summary>Adds the time since a timestamp.</summary>
    public void Since(long timestamp) => Add(Stopwatch.GetTimestamp() - timestamp);

    /// <summary>Adds a time in microseconds.</summary>
    public void AddMicroseconds(double time) => Add((long)(time * Stopwatch.Frequency / 1e6));

    /// <summary>Adds all times of another.</summary>
    public void Add(Sample other)
    {
        for (int i = 0; i < other.Count; i++) Add(other._ticks[i]);
    }

    /// <summary>The time (µs) that a fraction of them did not exceed (nearest rank).</summary>
    public double Percentile(double fraction)
    {
        if (Count == 0) throw new InvalidOperationException("nothing was measured.");
        Array.Sort(_ticks, 0, Count);
        return _ticks[Math.Max(0, (int)Math.Ceiling(fraction * Count) - 1)] * 1e6 / Stopwatch.Frequency;
    }

    private void Add(long ticks)
    {
        if (Count == _ticks.Length) Array.Resize(ref _ticks, 2 * Count);
        _ticks[Count++] = ticks;
    }
}
