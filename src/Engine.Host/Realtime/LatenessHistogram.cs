using System.Globalization;
using Engine.Host.Realtime.Interop;

namespace Engine.Host.Realtime;

/// <summary>The lateness of ticks, from due to awake, as percentiles and as text.</summary>
public static class LatenessHistogram
{
    private const int Bar = 50;

    /// <summary>A percentile (ns): the end of its bucket, at most the greatest lateness. Buckets are a quarter of an octave wide. 0 without ticks.</summary>
    /// <param name="status">Where the counts stand.</param>
    /// <param name="fraction">0 to 1.</param>
    public static long Percentile(in TickStatus status, double fraction)
    {
        ulong total = 0;
        foreach (ulong count in status.Lateness) total += count;
        double wanted = fraction * total;
        ulong seen = 0;
        for (int bucket = 0; bucket < TickStatus.Buckets && total > 0; bucket++)
        {
            seen += status.Lateness[bucket];
            if (seen >= wanted && seen > 0) return Math.Min(RealtimeNative.BucketNs(bucket + 1), status.LatenessMaxNanoseconds);
        }

        return status.LatenessMaxNanoseconds;
    }

    /// <summary>p50, p99, p99.9 and the greatest, in one line.</summary>
    public static string Summary(in TickStatus status) =>
        $"lateness p50 {Time(Percentile(status, 0.5))}, p99 {Time(Percentile(status, 0.99))}, p99.9 {Time(Percentile(status, 0.999))}, max {Time(status.LatenessMaxNanoseconds)}";

    /// <summary>One line an octave: where it begins, ticks, a bar.</summary>
    public static string Text(in TickStatus status)
    {
        var octaves = new ulong[TickStatus.Buckets / 4];
        for (int bucket = 0; bucket < TickStatus.Buckets; bucket++) octaves[bucket / 4] += status.Lateness[bucket];
        ulong most = octaves.Max();
        int first = Array.FindIndex(octaves, count => count > 0), last = Array.FindLastIndex(octaves, count => count > 0);
        if (first < 0) return "no ticks";
        return string.Join('\n', Enumerable.Range(first, last - first + 1).Select(octave =>
            $"  from {Time(RealtimeNative.BucketNs(4 * octave)),8}  {octaves[octave],10}  {new string('#', (int)Math.Ceiling((double)octaves[octave] * Bar / most))}"));
    }

    private static string Time(long ns) => ns < 10_000
        ? string.Create(CultureInfo.InvariantCulture, $"{ns / 1e3:0.0} µs")
        : ns < 10_000_000 ? string.Create(CultureInfo.InvariantCulture, $"{ns / 1e3:0} µs") : string.Create(CultureInfo.InvariantCulture, $"{ns / 1e6:0} ms");
}
