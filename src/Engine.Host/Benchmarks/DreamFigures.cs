using System.Globalization;
using Engine.Kernels.Threading;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>What a dream gains from a batch and from a second core, and what it allocates; everything in turns.</summary>
internal static class DreamFigures
{
    private const int Batch = 16;

    /// <summary>Dreams at once in a run.</summary>
    private const int RunBatch = 96;

    /// <summary>Measures and writes the table.</summary>
    public static void Run(string title, WorldModelConfig config, int pairs, TextWriter output, CancellationToken cancellation)
    {
        using var weights = WorldModelBenchmark.RandomWeights(config);
        using var single = new WorkerPool(1);
        var figures = new List<Figure>();
        foreach (var mode in new[] { DreamMode.Exact, DreamMode.Streaming })
        {
            using var one = new WarmDream(weights, 1, mode, WorkerPool.Shared);
            using var many = new WarmDream(weights, Batch, mode, WorkerPool.Shared);
            using var alone = new WarmDream(weights, 1, mode, single);
            var (a, b, c) = (new List<double>(pairs), new List<double>(pairs), new List<double>(pairs));
            long allocated = 0;
            for (int pair = 0; pair < pairs; pair++)
            {
                cancellation.ThrowIfCancellationRequested();
                long before = GC.GetTotalAllocatedBytes(precise: true);
                a.Add(one.Step());
                b.Add(many.Step() / Batch);
                allocated += GC.GetTotalAllocatedBytes(precise: true) - before;
                c.Add(alone.Step());
            }

            string name = mode == DreamMode.Exact ? "exact" : "streaming";
            figures.Add(Line($"{Batch} environments against one, {name}, ms a frame", b, a));
            if (WorkerPool.Shared.Threads > 1) figures.Add(Line($"{WorkerPool.Shared.Threads} threads against one, {name}, ms a frame", a, c));
            figures.Add(new Figure($"managed bytes allocated a frame, {name}", string.Create(CultureInfo.InvariantCulture, $"{allocated / (double)(pairs * (Batch + 1)):0.##}"), "", ""));
        }

        figures.Add(Memory(weights));
        // Torch knows what is trained, which is what a run dreams with; its way takes seconds a frame at the sizes that are only timed.
        if (config.SamplingSteps == 1) figures.AddRange(TorchDream.Compare(config, RunBatch, pairs, cancellation));
        Figure.Write(output, title, "one, libtorch, stated", figures);
    }

    /// <summary>Resident memory of the process with many dreams less that with one, beside what the program says of itself.</summary>
    private static Figure Memory(WorldModelWeights weights)
    {
        using var one = new WarmDream(weights, 1, DreamMode.Exact, WorkerPool.Shared);
        // Enough that what the heap still has from before does not count.
        int more = (int)Math.Clamp((256 << 20) / one.BytesPerEnvironment, 16, 4096);
        long before = Environment.WorkingSet;
        using var many = new WarmDream(weights, more, DreamMode.Exact, WorkerPool.Shared);
        double measured = (Environment.WorkingSet - before) / (double)more;
        return new Figure($"memory of an environment, measured on {more} against stated, MB", Megabytes(measured), Megabytes(one.BytesPerEnvironment), string.Create(CultureInfo.InvariantCulture, $"{measured / one.BytesPerEnvironment:0.00}"));

        static string Megabytes(double bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.00}");
    }

    private static Figure Line(string name, List<double> ours, List<double> theirs) => new(
        name, string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(ours):0.00}"), string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(theirs):0.00}"), $"{Ratio.Of(theirs, ours)}×");
}
