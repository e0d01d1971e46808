using Engine.Client;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>100 hot swaps between two policies under load; every reply must be wholly one policy's.</summary>
internal sealed class SwapLine : IServingLine
{
    private const int Swaps = 100, Clients = 4;

    public string Name => "swap";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        string folder = Directory.CreateTempSubdirectory("engine-bench-").FullName, path = Path.Combine(folder, "socket");
        try
        {
            using var echo = BuiltInPolicies.Create("echo");
            using var zero = BuiltInPolicies.Create("zero");
            await using var server = await PolicyServer.StartAsync(echo, new ServeOptions { Port = 0, UnixPath = path }, run.Cancellation);
            int replies = 0, wrong = 0, dropped = 0;
            using var robots = new Robots(run.Cancellation);
            for (int i = 0; i < Clients; i++)
            {
                robots.Start(0, 0, () => Pipe(path, Count));
                robots.Start(0, 0, () => Web(server.Uri, Count));
            }

            var load = Task.Run(() => robots.RunFor(TimeSpan.FromSeconds(run.Seconds)));
            for (int swap = 0; swap < Swaps; swap++)
            {
                await Task.Delay(TimeSpan.FromSeconds(0.8 * run.Seconds / Swaps), run.Cancellation);
                await server.SwapAsync(swap % 2 == 0 ? zero : echo);
            }

            await load;
            return [Bound.Of($"{Swaps} hot swaps under load, dropped or wrong replies", dropped + wrong, 0, "0", $"{replies} replies")];

            void Count(Func<float[]> ask)
            {
                try
                {
                    float[] actions = ask();
                    float[] first = Observations.State(3)[..7];
                    bool echoed = true, zeros = true;
                    for (int i = 0; i < actions.Length; i++) (echoed, zeros) = (echoed && actions[i] == first[i % 7], zeros && actions[i] == 0);
                    if (!(echoed || zeros)) Interlocked.Increment(ref wrong);
                    Interlocked.Increment(ref replies);
                }
                catch (Exception error) when (error is IOException or PipeServerException or OpenPiServerException or System.Net.WebSockets.WebSocketException)
                {
                    Interlocked.Increment(ref dropped);
                    throw;
                }
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static (Action Ask, Action Close) Pipe(string path, Action<Func<float[]>> count)
    {
        var client = PipeClient.ConnectUnix(path);
        Observations.Fill(client);
        client.State[0] = 3;
        return (() => count(() => client.Step().ToArray()), client.Dispose);
    }

    private static (Action Ask, Action Close) Web(Uri uri, Action<Func<float[]>> count)
    {
        var client = OpenPiClient.ConnectAsync(uri).GetAwaiter().GetResult();
        var map = Observations.Map();
        map["observation/state"] = NumpyArray.From(Observations.State(3), 8);
        return (() => count(() => client.InferAsync(map).GetAwaiter().GetResult().Actions), () => client.DisposeAsync().AsTask().GetAwaiter().GetResult());
    }
}
