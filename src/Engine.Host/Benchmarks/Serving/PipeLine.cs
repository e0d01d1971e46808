using System.Diagnostics;
using Engine.Client;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>
/// Round trips over the Unix-domain pipe beside a raw ping-pong of the same bytes, whose other end is in a process of its own as our server is, and whose sockets have
/// the same room; both by turns of 100, since the scheduler keeps what it has once chosen (both ends on one core, or one on each) for a while.
/// </summary>
internal sealed class PipeLine : IServingLine
{
    private const int Turn = 100, Turns = 10;

    public string Name => "pipe";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        using var server = await ServerProcess.StartAsync();
        using var client = PipeClient.ConnectUnix(server.UnixPath);
        Observations.Fill(client);
        int request = PipeHeader.Size + client.Layout.InstructionOffset + Observations.Instruction.Length, reply = PipeHeader.Size + client.Layout.ActionsBytes;
        using var raw = await RawPingPong.StartAsync(request, reply);
        var (ours, theirs) = (new List<Sample>(), new List<Sample>());
        for (int pair = -2; pair < run.Pairs; pair++)
        {
            run.Cancellation.ThrowIfCancellationRequested();
            Sample a = new(Turn * Turns), b = new(Turn * Turns);
            for (int turn = 0; turn < Turns; turn++)
            {
                for (int i = 0; i < Turn; i++)
                {
                    long start = Stopwatch.GetTimestamp();
                    raw.Ask();
                    a.Since(start);
                }

                for (int i = 0; i < Turn; i++)
                {
                    client.State[0] = i;
                    long start = Stopwatch.GetTimestamp();
                    float first = client.Step()[0];
                    b.Since(start);
                    if (first != i) throw new InvalidOperationException("another request's answer.");
                }
            }

            if (pair < 0) continue;
            theirs.Add(a);
            ours.Add(b);
        }

        return
        [
            Bound.OfPairs("Unix-domain pipe, p50, µs", [.. ours.Select(s => s.P50)], [.. theirs.Select(s => s.P50)], "raw ping-pong of the same bytes", 1.5),
            Bound.OfPairs("Unix-domain pipe, p99, µs", [.. ours.Select(s => s.P99)], [.. theirs.Select(s => s.P99)], "raw ping-pong of the same bytes", 1.5),
        ];
    }
}
