using Engine.Host.Serving.Client;

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
        for (int pair = -1; pair < run.Pairs; pair++)
        {
            double python = await ProcessorAsync(theirs, run), here = await ProcessorAsync(ours, run);
            if (pair < 0) continue;
            a.Add(python);
            b.Add(here);
        }

        return [Bound.OfPairs($"{Clients} clients at once, the server's processor time for one request, µs", b, a, "Python's own server", 0.35)];
    }

    /// <summary>Processor time for one request (µs).</summary>
    private static async Task<double> ProcessorAsync(ServerProcess server, ServingRun run)
    {
        var clients = new OpenPiClient[Clients];
        for (int i = 0; i < Clients; i++) clients[i] = await OpenPiClient.ConnectAsync(server.Uri, cancellationToken: run.Cancellation);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(run.Cancellation);
        end.CancelAfter(TimeSpan.FromSeconds(run.Seconds));
        double before = server.ProcessorSeconds;
        int[] requests = await Task.WhenAll(clients.Select(client => Task.Run(async () =>
        {
            var map = Observations.Map();
            int count = 0;
            for (; !end.IsCancellationRequested; count++) await client.InferAsync(map, run.Cancellation);
            return count;
        })));
        double processor = server.ProcessorSeconds - before;
        foreach (var client in clients) await client.DisposeAsync();
        run.Cancellation.ThrowIfCancellationRequested();
        return 1e6 * processor / requests.Sum();
    }
}
