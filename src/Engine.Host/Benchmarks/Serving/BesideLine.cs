using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>
/// One client keeps a policy busy that computes for 50 ms, while 15 others at 20 Hz ask an echo policy of the same server (8) and for <c>/healthz</c> (7).
/// </summary>
internal sealed class BesideLine : IServingLine
{
    private const int Echoes = 8, Healths = 7;
    private const double Rate = 20;

    // So long the runtime compiles anew what turns out to be called often, on a core that the others would need; a server for robots runs for hours.
    private static readonly TimeSpan s_warm = TimeSpan.FromSeconds(10);

    public string Name => "beside";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        using var server = await PartProcess.StartAsync("busy", "50", "16");
        var ours = new Uri(server.Ready.Split(' ')[1]);
        using var theirs = run.Upstream is null ? null : await ServerProcess.StartUpstreamAsync(run);
        var time = TimeSpan.FromSeconds(2 * run.Seconds);
        Ask(ours, new Uri(ours, "/policies/echo"), s_warm, run);
        var here = Ask(ours, new Uri(ours, "/policies/echo"), time, run);
        string name = "a policy that computes 50 ms; 15 others at 20 Hz ask an echo policy and /healthz: their p99, ms";
        if (theirs is null) return [Bound.Of(name, here.P99 / 1000, 5, "0.00", $"{here.Count} requests")];
        Ask(theirs.Uri, theirs.Uri, time / 2, run);
        var python = Ask(theirs.Uri, theirs.Uri, time, run);
        return [Bound.Of(name, here.P99 / 1000, 5, "0.00", $"{Bound.Number(python.P99 / 1000, "0.0")} (Python's own server); {here.Count} and {python.Count} requests")];
    }

    /// <summary>The times of the 15.</summary>
    private static Sample Ask(Uri slow, Uri echo, TimeSpan time, ServingRun run)
    {
        var samples = new List<Sample>();
        using var robots = new Robots(run.Cancellation);
        robots.Start(0, 0, () => Client(slow, "slow", new Sample()));
        for (int i = 0; i < Echoes + Healths; i++)
        {
            var sample = new Sample();
            samples.Add(sample);
            double phase = i / (double)(Echoes + Healths);
            if (i < Echoes) robots.Start(Rate, phase, () => Client(echo, Observations.Instruction, sample));
            else robots.Start(Rate, phase, () => (() => Health(slow.Port, sample), () => { }));
        }

        robots.RunFor(time);
        var all = new Sample();
        foreach (var sample in samples) all.Add(sample);
        return all;
    }

    private static (Action Ask, Action Close) Client(Uri uri, string instruction, Sample sample)
    {
        var client = new WebSocketAsker(uri, Observations.Map(instruction));
        return (() =>
        {
            long start = Stopwatch.GetTimestamp();
            client.Ask();
            sample.Since(start);
        }, client.Dispose);
    }

    private static void Health(int port, Sample sample)
    {
        long start = Stopwatch.GetTimestamp();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect("127.0.0.1", port);
        socket.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8);
        byte[] answer = new byte[4096];
        int length = 0;
        for (int count = 1; count > 0; length += count) count = socket.Receive(answer.AsSpan(length));
        if (!Encoding.ASCII.GetString(answer, 0, length).Contains("OK\n", StringComparison.Ordinal)) throw new InvalidOperationException("/healthz did not answer OK.");
        sample.Since(start);
    }
}
