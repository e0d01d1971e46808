using System.Diagnostics;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>
/// One robot over openpi's protocol: upstream's own Python client against upstream's own Python server and against ours, and our client against our
/// server, block by block in turns.
/// </summary>
internal sealed class OpenPiLine : IServingLine
{
    private const int Block = 500;

    public string Name => "openpi";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        if (run.Upstream is null) return [await AloneAsync(run)];
        using var theirs = await ServerProcess.StartUpstreamAsync(run);
        using var ours = await ServerProcess.StartAsync();
        using var python = UpstreamOpenPi.Start(run);
        python.Connect("theirs", theirs.Port);
        python.Connect("ours", ours.Port);
        await using var client = await OpenPiClient.ConnectAsync(ours.Uri, cancellationToken: run.Cancellation);
        var map = Observations.Map();
        Sides both = new(), mixed = new(), own = new();
        for (int pair = -2; pair < run.Pairs; pair++)
        {
            run.Cancellation.ThrowIfCancellationRequested();
            var a = python.Ask("theirs", Block);
            double processorA = python.Processor;
            var b = python.Ask("ours", Block);
            double processorB = python.Processor;
            var c = await AskAsync(client, map, Block, run.Cancellation);
            if (pair < 0) continue;
            both.Add(a, processorA);
            mixed.Add(b, processorB);
            own.Add(c, 0);
        }

        string peer = "Python's own server";
        return
        [
            Bound.OfPairs("upstream's Python client, p50, µs", mixed.P50, both.P50, peer, 0.8),
            Bound.OfPairs("upstream's Python client, p99, µs", mixed.P99, both.P99, peer, 0.8),
            new Figure("of these, processor time of the client itself, µs", Bound.Number(Ratio.MedianOf(mixed.Processor), "0"), Bound.Number(Ratio.MedianOf(both.Processor), "0"), python.Description),
            Bound.OfPairs("our C# client, p50, µs", own.P50, both.P50, "Python pair", 0.4),
            Bound.OfPairs("our C# client, p99, µs", own.P99, both.P99, "Python pair", 0.4),
        ];
    }

    private static async Task<Figure> AloneAsync(ServingRun run)
    {
        using var ours = await ServerProcess.StartAsync();
        await using var client = await OpenPiClient.ConnectAsync(ours.Uri, cancellationToken: run.Cancellation);
        var map = Observations.Map();
        await AskAsync(client, map, 2 * Block, run.Cancellation);
        Sides own = new();
        for (int i = 0; i < run.Pairs; i++) own.Add(await AskAsync(client, map, Block, run.Cancellation), 0);
        return new Figure("our C# client, p50 / p99, µs", $"{Bound.Number(Ratio.MedianOf(own.P50), "0")} / {Bound.Number(Ratio.MedianOf(own.P99), "0")}", "", "give --upstream to compare");
    }

    private static async Task<Sample> AskAsync(OpenPiClient client, MsgPackMap map, int count, CancellationToken cancellation)
    {
        var sample = new Sample(count);
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await client.InferAsync(map, cancellation);
            sample.Since(start);
        }

        return sample;
    }

    /// <summary>What one side took, block by block.</summary>
    private sealed class Sides
    {
        public List<double> P50 { get; } = [];

        public List<double> P99 { get; } = [];

        public List<double> Processor { get; } = [];

        public void Add(Sample sample, double processor)
        {
            P50.Add(sample.P50);
            P99.Add(sample.P99);
            Processor.Add(processor);
        }
    }
}
