using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Engine.Host.Serving;

/// <summary>Counts and times of a server, in Prometheus' text form. Thread-safe.</summary>
public sealed class ServingMetrics
{
    private static readonly double[] s_bounds =
        [50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 0.1, 0.2, 0.5, 1, 2, 5, 10];

    internal const string RequestName = "engine_request_seconds", RequestHelp = "From the last byte of an observation to its reply";
    internal const string InferenceName = "engine_inference_seconds", InferenceHelp = "Inside the policy, one inference";

    private readonly Histogram _requests = new();
    private readonly Histogram _inferences = new();
    private long _sessions;
    private long _sessionsTotal;
    private long _refused;
    private long _errors;
    private long _notFinite;
    private long _clamped;
    private long _beyondLimits;
    private long _replaced;
    private long _late;
    private long _waiting;

    /// <summary>Open sessions.</summary>
    public long Sessions => Interlocked.Read(ref _sessions);

    /// <summary>Requests that wait for the policy.</summary>
    public long Waiting => Interlocked.Read(ref _waiting);

    /// <summary>Requests that were answered with actions.</summary>
    public long Requests => _requests.Count;

    /// <summary>Requests that were answered with an error.</summary>
    public long Errors => Interlocked.Read(ref _errors);

    /// <summary>Inferences run; fewer than <see cref="Requests"/> when requests were merged.</summary>
    public long Inferences => _inferences.Count;

    /// <summary>Replies of which an action was clamped.</summary>
    public long ClampedReplies => Interlocked.Read(ref _clamped);

    /// <summary>Replies withheld because an action was beyond the limits.</summary>
    public long RefusedReplies => Interlocked.Read(ref _beyondLimits);

    /// <summary>Observations that a newer one of the same session took the place of.</summary>
    public long Replaced => Interlocked.Read(ref _replaced);

    /// <summary>Requests whose deadline had passed before the policy was asked, or when its actions were there.</summary>
    public long Late => Interlocked.Read(ref _late);

    /// <summary>Where the times go besides, while somebody listens.</summary>
    internal Histogram<double>? RequestSeconds { get; set; }

    internal Histogram<double>? InferenceSeconds { get; set; }

    /// <summary>What is published under which name; <c>Grows</c> says that the number never falls.</summary>
    internal IReadOnlyList<(string Name, bool Grows, string Help, Func<long> Read)> Values =>
    [
        ("engine_sessions", false, "Open sessions", () => Sessions),
        ("engine_sessions_total", true, "Sessions since the start", () => Interlocked.Read(ref _sessionsTotal)),
        ("engine_sessions_refused_total", true, "Connections refused (token, origin, limit)", () => Interlocked.Read(ref _refused)),
        ("engine_requests_waiting", false, "Requests that wait for the policy", () => Waiting),
        ("engine_request_errors_total", true, "Requests answered with an error", () => Errors),
        ("engine_actions_not_finite_total", true, "Action chunks withheld because they held NaN or infinity", () => Interlocked.Read(ref _notFinite)),
        ("engine_actions_clamped_total", true, "Replies of which an action was clamped to the contract's limits", () => ClampedReplies),
        ("engine_actions_refused_total", true, "Replies withheld because an action was beyond the contract's limits", () => RefusedReplies),
        ("engine_requests_replaced_total", true, "Observations that a newer one of the same session took the place of", () => Replaced),
        ("engine_deadlines_missed_total", true, "Requests whose deadline passed before the policy was asked, or before its actions were there", () => Late),
    ];

    internal long SessionOpened()
    {
        Interlocked.Increment(ref _sessions);
        return Interlocked.Increment(ref _sessionsTotal);
    }

    internal void SessionClosed() => Interlocked.Decrement(ref _sessions);

    internal void Refused() => Interlocked.Increment(ref _refused);

    internal void Request(TimeSpan elapsed)
    {
        _requests.Add(elapsed);
        RequestSeconds?.Record(elapsed.TotalSeconds);
    }

    internal void Error() => Interlocked.Increment(ref _errors);

    internal void Wait(int more) => Interlocked.Add(ref _waiting, more);

    internal void NotFinite() => Interlocked.Increment(ref _notFinite);

    internal void Clamped() => Interlocked.Increment(ref _clamped);

    internal void BeyondLimits() => Interlocked.Increment(ref _beyondLimits);

    internal void ReplacedByNewer() => Interlocked.Increment(ref _replaced);

    internal void DeadlineMissed() => Interlocked.Increment(ref _late);

    internal void Inference(TimeSpan elapsed)
    {
        _inferences.Add(elapsed);
        InferenceSeconds?.Record(elapsed.TotalSeconds);
    }

    /// <summary>The page of <c>/metrics</c>.</summary>
    public string ToPrometheus()
    {
        var text = new StringBuilder();
        foreach (var (name, grows, help, read) in Values)
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}.\n# TYPE {name} {(grows ? "counter" : "gauge")}\n{name} {read()}\n");
        _requests.Write(text, RequestName, RequestHelp);
        _inferences.Write(text, InferenceName, InferenceHelp);
        return text.ToString();
    }

    private sealed class Histogram
    {
        private readonly long[] _counts = new long[s_bounds.Length + 1];
        private long _ticks;

        internal long Count
        {
            get
            {
                long sum = 0;
                for (int i = 0; i < _counts.Length; i++) sum += Interlocked.Read(ref _counts[i]);
                return sum;
            }
        }

        internal void Add(TimeSpan elapsed)
        {
            int bucket = 0;
            while (bucket < s_bounds.Length && elapsed.TotalSeconds > s_bounds[bucket]) bucket++;
            Interlocked.Increment(ref _counts[bucket]);
            Interlocked.Add(ref _ticks, elapsed.Ticks);
        }

        internal void Write(StringBuilder text, string name, string help)
        {
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}.\n# TYPE {name} histogram\n");
            long sum = 0;
            for (int i = 0; i < _counts.Length; i++)
            {
                sum += Interlocked.Read(ref _counts[i]);
                string bound = i < s_bounds.Length ? s_bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf";
                text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{le=\"{bound}\"}} {sum}\n");
            }

            double seconds = Interlocked.Read(ref _ticks) / (double)TimeSpan.TicksPerSecond;
            text.Append(CultureInfo.InvariantCulture, $"{name}_sum {seconds}\n{name}_count {sum}\n");
        }
    }
}
