using System.Diagnostics;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>
/// Clients that come, ask three times and leave, one after another, over WebSocket, pipe and shared memory in turns. Growth is what the server's process holds
/// while the last quarter of them comes less what it held during the second, medians.
/// </summary>
internal sealed class ChurnLine : IServingLine
{
    private const int Clients = 12_000, Looks = 400, Questions = 3;

    public string Name => "churn";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        using var server = await ServerProcess.StartAsync();
        var held = new Held(server);
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < Clients; i++)
        {
            run.Cancellation.ThrowIfCancellationRequested();
            var (ask, close) = SoakLine.Client(server, i);
            for (int question = 0; question < Questions; question++) ask();
            close();
            if (i % (Clients / Looks) == 0) held.Look();
        }

        return held.Figures($"{Clients} clients come, ask {Questions} times and leave, {Bound.Number(Clients / clock.Elapsed.TotalSeconds, "0")} a second");
    }
}
