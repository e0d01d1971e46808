using System.Diagnostics;
using System.Globalization;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Threading;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>What a dream gains from a batch and from a second core, and what it allocates; everything in turns.</summary>
internal static class DreamFigures
{
    private const int Batch = 16;

    /// <summary>Measures and writes the table.</summary>
    public static void Run(string title, WorldModelConfig config, int pairs, TextWriter output, CancellationToken cancellation)
    {
        using var weights = WorldModelBenchmark.RandomWeights(config);
        using var single = new WorkerPool(1);
        var figures = new List<Figure>();
        foreach (var mode in new[] { DreamMode.Exact, DreamMode.Streaming })
        {
            using var one = new Dream(weights, 1, mode, WorkerPool.Shared);
            using var many = new Dream(weights, Batch, mode, WorkerPool.Shared);
            using var alone = new Dream(weights, 1, mode, single);
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

        Figure.Write(output, title, "one", figures);
    }

    private static Figure Line(string name, List<double> ours, List<double> theirs) => new(
        name, string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(ours):0.00}"), string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(theirs):0.00}"), $"{Ratio.Of(theirs, ours)}×");

    /// <summary>Dreams whose windows have slid.</summary>
    private sealed class Dream : IDisposable
    {
        private readonly DreamState _state;
        private readonly int[] _listed;
        private readonly float[] _actions, _latents;

        public Dream(WorldModelWeights weights, int environments, DreamMode mode, WorkerPool pool)
        {
            var config = weights.Config;
            _state = new DreamState(weights, environments, mode, seed: 1, pool: pool);
            _listed = [.. Enumerable.Range(0, environments)];
            float[] context = new float[config.MaxFrames * config.FrameNumbers], contextActions = new float[config.MaxFrames * config.ActionDim];
            (_actions, _latents) = (new float[environments * config.ActionDim], new float[environments * config.FrameNumbers]);
            Philox.FillNormal(context, new PhiloxKey(2, PhiloxStream.Latent, 1));
            Philox.FillNormal(_actions, new PhiloxKey(2, PhiloxStream.Latent, 3));
            foreach (int environment in _listed) _state.Reset(environment, 0, context, contextActions);
            for (int i = 0; i < 2; i++) Step();
        }

        public double Step()
        {
            long start = Stopwatch.GetTimestamp();
            _state.Step(_listed, _actions, _latents);
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        public void Dispose() => _state.Dispose();
    }
}
