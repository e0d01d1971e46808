using System.Globalization;

namespace Engine.Host.Progress;

/// <summary>How far one piece of work is, how fast it goes, and how long it will take. Not thread-safe: its owner locks.</summary>
internal sealed class WorkState
{
    // The rate is taken over the last part of the work, so that a slow start (loading, compiling) does not spoil the ETA for ever.
    private const int Samples = 32;

    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly Queue<(double Seconds, long Done)> _samples = new();
    private double _lastSample;
    private double _lastLine;

    public WorkState(string name, long total, string unit, int depth, TimeProvider time)
    {
        Name = name;
        Total = total;
        Unit = unit;
        Depth = depth;
        _time = time;
        _started = time.GetTimestamp();
        _samples.Enqueue((0, 0));
    }

    public string Name { get; }

    /// <summary>Units of the whole work; 0 when unknown.</summary>
    public long Total { get; }

    public string Unit { get; }

    /// <summary>Number of tasks that were running when this began.</summary>
    public int Depth { get; }

    public long Done { get; private set; }

    public string Detail { get; private set; } = "";

    public double Elapsed => _time.GetElapsedTime(_started).TotalSeconds;

    /// <summary>Share done, 0 … 1.</summary>
    public double Fraction => Total > 0 ? Math.Clamp((double)Done / Total, 0, 1) : 0;

    /// <summary>Units per second over the recent past; 0 when not known yet.</summary>
    public double Rate
    {
        get
        {
            var (seconds, done) = _samples.Peek();
            double span = Elapsed - seconds;
            return span > 0 ? (Done - done) / span : 0;
        }
    }

    /// <summary>Seconds to go, or null when not known yet.</summary>
    public double? Eta => Total > 0 && Done > 0 && Rate > 0 ? Math.Max(0, (Total - Done) / Rate) : null;

    /// <summary>Counts units; false when nothing has changed.</summary>
    public bool Advance(long units, string? detail)
    {
        if (units == 0 && (detail is null || detail == Detail)) return false;
        Done += units;
        if (detail is not null) Detail = detail;
        double now = Elapsed;
        if (now - _lastSample >= 1)
        {
            _samples.Enqueue((now, Done));
            if (_samples.Count > Samples) _samples.Dequeue();
            _lastSample = now;
        }

        return true;
    }

    /// <summary>True when a plain line is due; the next is due <paramref name="interval"/> later.</summary>
    public bool TakeLine(TimeSpan interval)
    {
        double now = Elapsed;
        if (now - _lastLine < interval.TotalSeconds) return false;
        _lastLine = now;
        return true;
    }

    /// <summary>The plain line while it runs.</summary>
    public string Line()
    {
        string amount = Total > 0 ? $"{Fraction * 100,3:0}%  {Done}/{Total} {Unit}" : $"{Done} {Unit}";
        string eta = Eta is { } left ? $"  ETA {Duration(left)}" : "";
        return Indent + Join($"{Name}  {amount}{eta}", RateText(), Detail);
    }

    /// <summary>The line that stays when it has ended, by its end or before.</summary>
    public string LastLine()
    {
        string amount = Total > 0 && Done < Total ? $"stopped at {Done}/{Total} {Unit}" : $"{Done} {Unit}";
        return Indent + Join($"{Name}  {amount} in {Duration(Elapsed)}", Detail);
    }

    /// <summary>e.g. <c>12.3 steps/s</c>, or <c>4.1 s/steps</c> turned round for slow work; empty when not known.</summary>
    public string RateText()
    {
        double rate = Rate;
        if (rate <= 0) return "";
        return rate >= 0.1
            ? string.Create(CultureInfo.InvariantCulture, $"{Short(rate)} {Unit}/s")
            : string.Create(CultureInfo.InvariantCulture, $"{Short(rate * 60)} {Unit}/min");
    }

    /// <summary>e.g. <c>0.4 s</c>, <c>42 s</c>, <c>3:07</c>, <c>1:02:33</c>.</summary>
    public static string Duration(double seconds)
    {
        if (seconds < 9.95) return string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s");
        if (seconds < 59.5) return string.Create(CultureInfo.InvariantCulture, $"{seconds:0} s");
        var span = TimeSpan.FromSeconds(Math.Round(seconds));
        return span.TotalHours >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours}:{span.Minutes:00}:{span.Seconds:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{span.Minutes}:{span.Seconds:00}");
    }

    private string Indent => new(' ', 2 * Depth);

    private static string Short(double value) => value.ToString(value >= 100 ? "0" : value >= 10 ? "0.0" : "0.00", CultureInfo.InvariantCulture);

    private static string Join(params string[] parts) => string.Join("  ", parts.Where(part => part.Length > 0));
}
