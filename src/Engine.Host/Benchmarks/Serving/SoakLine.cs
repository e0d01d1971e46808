using System.Diagnostics;
using Engine.Client;
using Engine.Host.Serving.Client;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>
/// 500 requests a second for a long time, over WebSocket, pipe and shared memory; each second one client of each kind comes, asks and leaves. Growth is from
/// the second quarter of the time to the last.
/// </summary>
internal sealed class SoakLine : IServingLine
{
    private const int Clients = 5;
    private const double Rate = 100;

    public string Name => "soak";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        using var server = await ServerProcess.StartAsync();
        var time = TimeSpan.FromMinutes(run.SoakMinutes);
        int requests = 0;
        using var robots = new Robots(run.Cancellation);
        for (int i = 0; i < Clients; i++)
        {
            int kind = i;
            robots.Start(Rate, i / (double)Clients, () =>
            {
                var (ask, close) = Client(server, kind);
                return (() =>
                {
                    ask();
                    Interlocked.Increment(ref requests);
                }, close);
            });
        }

        robots.Start(1, 0, () => (() =>
        {
            for (int kind = 0; kind < 3; kind++)
            {
                var (ask, close) = Client(server, kind);
                ask();
                close();
            }
        }, () => { }
        ));
        var held = new Held(server);
        var clock = Stopwatch.StartNew();
        var load = Task.Run(() => robots.RunFor(time));
        while (!load.IsCompleted)
        {
            await Task.WhenAny(load, Task.Delay(time / 400));
            if (!load.IsCompleted) held.Look();
        }

        await load;
        return held.Figures($"soak, {Bound.Number(requests / clock.Elapsed.TotalSeconds, "0")} requests/s for {Bound.Number(run.SoakMinutes, "0.#")} min");
    }

    /// <summary>A client: of the WebSocket, the pipe, or shared memory.</summary>
    internal static (Action Ask, Action Close) Client(ServerProcess server, int kind)
    {
        if (kind % 3 == 0)
        {
            var web = OpenPiClient.ConnectAsync(server.Uri).GetAwaiter().GetResult();
            var map = Observations.Map();
            return (() => web.InferAsync(map).GetAwaiter().GetResult(), () => web.DisposeAsync().AsTask().GetAwaiter().GetResult());
        }

        var pipe = PipeClient.ConnectUnix(server.UnixPath, new PipeClientOptions { SharedMemory = kind % 3 == 2 });
        Observations.Fill(pipe);
        return (() => pipe.Step(), pipe.Dispose);
    }
}
