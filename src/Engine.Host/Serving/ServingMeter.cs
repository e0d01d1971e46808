using System.Diagnostics.Metrics;

namespace Engine.Host.Serving;

/// <summary>
/// The numbers of <c>/metrics</c> as a <see cref="Meter"/>, for whoever collects them in the process or attaches to it: OpenTelemetry's SDK
/// (<c>AddMeter("Engine.Serving")</c>), <c>dotnet-counters monitor --counters Engine.Serving</c>. Costs nothing while nobody listens.
/// </summary>
internal sealed class ServingMeter : IDisposable
{
    internal const string Name = "Engine.Serving";

    private readonly Meter _meter;
    private readonly ServingMetrics _metrics;

    /// <summary>Publishes a server's numbers, tagged with its policy's name; the meter's scope is the <see cref="ServingMetrics"/>.</summary>
    internal ServingMeter(ServingMetrics metrics, string policy)
    {
        _metrics = metrics;
        _meter = new Meter(Name, version: null, [new("policy", policy)], scope: metrics);
        foreach (var (name, grows, help, read) in metrics.Values)
        {
            if (grows) _meter.CreateObservableCounter(name, read, description: help);
            else _meter.CreateObservableUpDownCounter(name, read, description: help);
        }

        metrics.RequestSeconds = _meter.CreateHistogram<double>(ServingMetrics.RequestName, "s", ServingMetrics.RequestHelp);
        metrics.InferenceSeconds = _meter.CreateHistogram<double>(ServingMetrics.InferenceName, "s", ServingMetrics.InferenceHelp);
    }

    public void Dispose()
    {
        (_metrics.RequestSeconds, _metrics.InferenceSeconds) = (null, null);
        _meter.Dispose();
    }
}
