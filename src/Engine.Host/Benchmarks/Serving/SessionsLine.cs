using Engine.Client;
using Engine.Host.Serving;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>64 sessions at 20 Hz over the Unix-domain pipe, each answer due within its period; and what a request allocates, client and server together.</summary>
internal sealed class SessionsLine : IServingLine
{
    private const int Sessions = 64, Requests = 1000, Rounds = 20;
    private const double Rate = 20;

    public string Name => "sessions";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        var figures = new List<Figure> { await MissesAsync(run) };
        foreach (bool shared in new[] { false, true }) figures.Add(await AllocationsAsync(shared, run));
        return figures;
    }

    private static async Task<Figure> MissesAsync(ServingRun run)
    {
        using var server = await ServerProcess.StartAsync();
        int misses = 0, requests = 0;
        using var robots = new Robots(run.Cancellation);
        for (int i = 0; i < Sessions; i++)
        {
            robots.Start(Rate, i / (double)Sessions, () =>
            {
                var client = PipeClient.ConnectUnix(server.UnixPath);
                Observations.Fill(client);
                return (() =>
                {
                    try
                    {
                        client.Step(TimeSpan.FromSeconds(1 / Rate));
                        if (client.Late) Interlocked.Increment(ref misses);
                    }
                    catch (PipeServerException error) when (error.Code == PipeErrorCode.Deadline)
                    {
                        Interlocked.Increment(ref misses);
                    }

                    Interlocked.Increment(ref requests);
                }, client.Dispose);
            });
        }

        robots.RunFor(TimeSpan.FromSeconds(4 * run.Seconds));
        return Bound.Of($"{Sessions} sessions at {Rate} Hz, deadlines of {1000 / Rate} ms missed", misses, 0, "0", $"{requests} requests");
    }

    private static async Task<Figure> AllocationsAsync(bool shared, ServingRun run)
    {
        string folder = Directory.CreateTempSubdirectory("engine-bench-").FullName, path = Path.Combine(folder, "socket");
        try
        {
            using var echo = BuiltInPolicies.Create("echo");
            await using var server = await PolicyServer.StartAsync(echo, new ServeOptions { Port = 0, UnixPath = path, SharedMemory = true }, run.Cancellation);
            using var client = PipeClient.ConnectUnix(path, new PipeClientOptions { SharedMemory = shared });
            Observations.Fill(client);
            var allocated = new List<double>(Rounds);
            for (int round = -5; round < Rounds; round++)
            {
                run.Cancellation.ThrowIfCancellationRequested();
                long before = GC.GetTotalAllocatedBytes(precise: true);
                for (int i = 0; i < Requests; i++) client.Step();
                if (round >= 0) allocated.Add((GC.GetTotalAllocatedBytes(precise: true) - before) / (double)Requests);
            }

            // What timers of the process allocate now and then is not a request's.
            return Bound.Of($"managed bytes allocated per request, client and server, {(shared ? "shared memory" : "Unix-domain pipe")}", Math.Round(Ratio.MedianOf(allocated)), 0, "0", $"median of {Rounds} × {Requests} requests");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
