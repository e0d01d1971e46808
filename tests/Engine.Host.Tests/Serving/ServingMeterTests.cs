using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text.RegularExpressions;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

public sealed partial class ServingMeterTests
{
    [Fact]
    public async Task A_listener_in_the_process_reads_the_numbers_of_the_metrics_page()
    {
        var numbers = new ConcurrentDictionary<string, long>();
        var times = new ConcurrentQueue<(string Name, double Seconds)>();
        using var listener = new MeterListener();
        ServingMetrics? metrics = null;

        // Other tests have servers of their own at the same time; a meter's scope tells which server's it is.
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "Engine.Serving") l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, number, _, _) =>
        {
            if (instrument.Meter.Scope == metrics) numbers[instrument.Name] = number;
        });
        listener.SetMeasurementEventCallback<double>((instrument, seconds, _, _) =>
        {
            if (instrument.Meter.Scope == metrics) times.Enqueue((instrument.Name, seconds));
        });
        listener.Start();
        using var policy = BuiltInPolicies.Create("echo", Contract);
        await using (var server = await PolicyServer.StartAsync(policy, Options))
        {
            metrics = server.Metrics;
            await using var client = await OpenPiClient.ConnectAsync(server.Uri);
            for (int i = 0; i < 3; i++) await client.InferAsync(Observation(i));
            listener.RecordObservableInstruments();
            var page = Line().Matches(metrics.ToPrometheus()).ToDictionary(m => m.Groups[1].Value, m => long.Parse(m.Groups[2].Value, CultureInfo.InvariantCulture));
            Assert.Equal((1, 1), (numbers["engine_sessions"], numbers["engine_sessions_total"]));
            Assert.Equal(10, numbers.Count);
            foreach (var (name, number) in numbers) Assert.Equal(page[name], number);
            Assert.Equal(3, times.Count(t => t.Name == "engine_request_seconds"));
            Assert.Equal(3, times.Count(t => t.Name == "engine_inference_seconds"));
            Assert.All(times, t => Assert.InRange(t.Seconds, 0, 60));
        }

        numbers.Clear();
        listener.RecordObservableInstruments();
        Assert.Empty(numbers);
    }

    [GeneratedRegex(@"^(engine_\w+) (\d+)$", RegexOptions.Multiline)]
    private static partial Regex Line();
}
