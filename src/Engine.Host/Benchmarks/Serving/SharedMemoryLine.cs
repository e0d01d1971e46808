using System.Diagnostics;
using Engine.Client;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>Round trips through shared memory; both sides spin.</summary>
internal sealed class SharedMemoryLine : IServingLine
{
    private const int Block = 20_000;

    public string Name => "shared-memory";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        using var server = await ServerProcess.StartAsync();
        using var client = PipeClient.ConnectUnix(server.UnixPath, new PipeClientOptions { SharedMemory = true, SpinMicroseconds = 1000 });
        Observations.Fill(client);
        var (p50, p999) = (new List<double>(), new List<double>());
        for (int block = -3; block < run.Pairs; block++)
        {
            run.Cancellation.ThrowIfCancellationRequested();
            var sample = new Sample(Block);
            for (int i = 0; i < Block; i++)
            {
                client.State[0] = i;
                long start = Stopwatch.GetTimestamp();
                float first = client.Step()[0];
                sample.Since(start);
                if (first != i) throw new InvalidOperationException("another request's answer.");
            }

            if (block < 0) continue;
            p50.Add(sample.P50);
            p999.Add(sample.Percentile(0.999));
        }

        return [Bound.Of("shared memory, both sides spin, p50, µs", Ratio.MedianOf(p50), 2, "0.00", Range(p50)), Bound.Of("shared memory, both sides spin, p99.9, µs", Ratio.MedianOf(p999), 20, "0.00", Range(p999))];
    }

    private static string Range(List<double> blocks) => $"{Bound.Number(blocks.Min(), "0.00")} … {Bound.Number(blocks.Max(), "0.00")} in {blocks.Count} blocks of {Block}";
}
