namespace Engine.Host.Benchmarks.Serving;

/// <summary>16 clients at once over openpi's protocol: processor time of the server's process for one request.</summary>
internal sealed class CrowdLine : IServingLine
{
    private const int Clients = 16;

    public string Name => "crowd";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        if (run.Upstream is null) return [];
        using var theirs = await ServerProcess.StartUpstreamAsync(run);
        using var ours = await ServerProcess.StartAsync();
        var (a, b) = (new List<double>(), new List<double>());
        for (int pair = -3; pair < run.Pairs; pair++)
        {
            double python = Processor(theirs, run), here = Processor(ours, run);
            if (pair < 0) continue;
            a.Add(python);
            b.Add(here);
        }

        return [Bound.OfPairs($"{Clients} clients at once, the server's processor time for one request, µs", b, a, "Python's own server", 0.35)];
    }

    /// <summary>Processor time for one request (µs).</summary>
    private static double Processor(ServerProcess server, ServingRun run)
    {
        int requests = 0;
        double before = server.ProcessorSeconds;
        using var robots = new Robots(run.Cancellation);
        for (int i = 0; i < Clients; i++)
        {
            robots.Start(0, 0, () =>
            {
                var robot = new WebSocketAsker(server.Uri, Observations.Map());
                int count = 0;
                return (() =>
                {
                    robot.Ask();
                    count++;
                }, () =>
                {
                    robot.Dispose();
                    Interlocked.Add(ref requests, count);
                }
                );
            });
        }

        robots.RunFor(TimeSpan.FromSeconds(run.Seconds));
        return 1e6 * (server.ProcessorSeconds - before) / requests;
    }
}
