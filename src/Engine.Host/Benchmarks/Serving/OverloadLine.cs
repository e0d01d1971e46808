using System.Diagnostics;
using Engine.Client;
using Engine.Host.Serving;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>
/// A policy that computes 5 ms for an observation is offered ten times what it can do: 100 sessions at 20 Hz over the Unix-domain pipe, whose answers are of
/// use when they are begun within the time of an unloaded request. Refusals are answers too; what counts is how long the accepted take.
/// </summary>
internal sealed class OverloadLine : IServingLine
{
    private const int Sessions = 100;
    private const double Rate = 20;
    private static readonly TimeSpan s_policy = TimeSpan.FromMilliseconds(5);

    public string Name => "overload";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        string folder = Directory.CreateTempSubdirectory("engine-bench-").FullName, path = Path.Combine(folder, "socket");
        try
        {
            using var policy = new BusyPolicy(BuiltInPolicies.Create("echo"), s_policy);
            await using var server = await PolicyServer.StartAsync(policy, new ServeOptions { Port = 0, UnixPath = path, MaxBatch = 1 }, run.Cancellation);
            var time = TimeSpan.FromSeconds(2 * run.Seconds);
            var alone = Load(path, 1, TimeSpan.Zero, time, run, out _, out _);
            var budget = TimeSpan.FromMicroseconds(alone.P99);
            Load(path, Sessions, budget, time / 2, run, out _, out _);
            var accepted = Load(path, Sessions, budget, time, run, out int refused, out double growth);
            string counts = $"{accepted.Count} accepted, {refused} refused";
            return
            [
                Bound.Of("overload 10×, p99 of accepted requests / unloaded p99", accepted.P99 / alone.P99, 3, "0.00", $"{Bound.Number(accepted.P99 / 1000, "0.0")} / {Bound.Number(alone.P99 / 1000, "0.0")} ms; {counts}"),
                Bound.Of("overload 10×, memory of clients and server at the end / in the middle", growth, 1.02, "0.000", "resident"),
            ];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Sample Load(string path, int sessions, TimeSpan budget, TimeSpan time, ServingRun run, out int refused, out double growth)
    {
        int refusals = 0;
        var samples = new List<Sample>();
        using var robots = new Robots(run.Cancellation);
        for (int i = 0; i < sessions; i++)
        {
            var sample = new Sample();
            samples.Add(sample);
            robots.Start(sessions == 1 ? 0 : Rate, i / (double)sessions, () =>
            {
                var client = PipeClient.ConnectUnix(path);
                Observations.Fill(client);
                return (() =>
                {
                    long start = Stopwatch.GetTimestamp();
                    try
                    {
                        client.Step(budget);
                        sample.Since(start);
                    }
                    catch (PipeServerException error) when (error.Code == PipeErrorCode.Deadline)
                    {
                        Interlocked.Increment(ref refusals);
                    }
                }, client.Dispose);
            });
        }

        double half = 0;
        using var middle = new Timer(_ => half = Environment.WorkingSet, null, time / 2, Timeout.InfiniteTimeSpan);
        robots.RunFor(time);
        (refused, growth) = (refusals, Environment.WorkingSet / half);
        var all = new Sample();
        foreach (var sample in samples) all.Add(sample);
        return all;
    }
}
