using System.Globalization;
using Engine.Host.Reports;
using Engine.Kernels.Diagnostics;
using Engine.Kernels.Threading;
using Engine.Kernels.Variants;
using Engine.Runtime.Contract;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>
/// What a dreamt frame costs against window, denoising steps, batch, width and threads, beside what <see cref="WorldModelFlops"/> predicts at one share of the
/// machine's peak for all points together.
/// </summary>
internal sealed class DreamCost(double seconds, IProgressReporter progress, CancellationToken cancellation)
{
    private static readonly (string Name, int[] Values, Func<Point, int, Point> With)[] s_sweeps =
    [
        ("window (frames)", [2, 4, 7, 10, 14, 20], (point, value) => point with { Config = point.Config with { MaxFrames = value } }),
        ("denoising steps S", [1, 2, 5, 10, 15, 20], (point, value) => point with { Config = point.Config with { SamplingSteps = value } }),
        ("environments that advance together", [1, 2, 4, 8, 16], (point, value) => point with { Batch = value }),
        ("width of a token", [64, 128, 192, 256, 384, 512], (point, value) => point with { Config = point.Config with { Dim = value, NumHeads = value / 64 } }),
        ("threads", [.. Enumerable.Range(1, WorkerPool.Shared.Threads)], (point, value) => point with { Threads = value }),
    ];

    /// <summary>Measures every point and makes the report.</summary>
    public ReportBuilder Run()
    {
        var start = new Point(WorldModelBenchmark.Medium, 1, WorkerPool.Shared.Threads);
        DreamMode[] modes = [DreamMode.Exact, DreamMode.Streaming];
        double peak = ArithmeticPeak.Measure(KernelVariants.List().Single(table => table.Operation == "gemm").Active);
        using var task = progress.Begin("timing dreams", s_sweeps.Sum(sweep => sweep.Values.Length) * modes.Length, "points");
        var measured = new Dictionary<(string, DreamMode), double[]>();
        var shares = new List<double>();
        foreach (var (name, values, with) in s_sweeps)
        {
            foreach (var mode in modes)
            {
                var times = new double[values.Length];
                for (int i = 0; i < values.Length; i++)
                {
                    var point = with(start, values[i]);
                    times[i] = Measure(point, mode);
                    shares.Add(point.Flops(mode) / times[i] / 1e6 / (peak * point.Threads));
                    task.Advance();
                }

                measured[(name, mode)] = times;
            }
        }

        double share = Ratio.MedianOf(shares);
        var report = new ReportBuilder("What a dreamt frame costs");
        report.Paragraph(string.Create(
            CultureInfo.InvariantCulture,
            $"Milliseconds per frame and environment once the window has slid; dim 256 × 6 layers × 4 heads, latents 16×16×4, window 10, S 10, one environment, {start.Threads} threads, but for what the axis names. Dashed: the multiply-adds of `WorldModelFlops` at {share:P0} of the {peak:0} GFLOP/s that a thread has at most (measured), the median share of all points."));
        foreach (var (name, values, with) in s_sweeps)
        {
            var chart = new LineChart($"against {name}", name, "ms a frame") { YMin = 0 };
            double[] x = [.. values.Select(value => (double)value)];
            foreach (var mode in modes)
            {
                string label = mode == DreamMode.Exact ? "exact" : "streaming";
                chart.Line(label, x, measured[(name, mode)]);
                chart.Line($"{label}, predicted", x, [.. values.Select(value => with(start, value)).Select(point => point.Flops(mode) / (peak * point.Threads * share) / 1e6)], isDashed: true);
            }

            report.Chart(chart);
            report.Table(
                [name, .. modes.SelectMany(mode => new[] { $"{mode}, ms a frame", $"{mode}, predicted" })],
                values.Select((value, i) => (IReadOnlyList<string>)
                [
                    value.ToString(CultureInfo.InvariantCulture),
                    .. modes.SelectMany(mode => new[] { measured[(name, mode)][i], with(start, value).Flops(mode) / (peak * with(start, value).Threads * share) / 1e6 })
                        .Select(number => number.ToString("0.00", CultureInfo.InvariantCulture)),
                ]));
        }

        return report;
    }

    private double Measure(Point point, DreamMode mode)
    {
        using var pool = new WorkerPool(point.Threads);
        using var weights = WorldModelBenchmark.RandomWeights(point.Config);
        using var dream = new WarmDream(weights, point.Batch, mode, pool);
        var times = new List<double>();
        double total = 0;
        while (times.Count < 5 || total < seconds * 1e3)
        {
            cancellation.ThrowIfCancellationRequested();
            times.Add(dream.Step());
            total += times[^1];
        }

        return Ratio.MedianOf(times) / point.Batch;
    }

    private readonly record struct Point(WorldModelConfig Config, int Batch, int Threads)
    {
        /// <summary>Of a frame of one environment.</summary>
        public double Flops(DreamMode mode) => WorldModelFlops.Frame(Config, mode, Config.SamplingSteps, Config.MaxFrames);
    }
}
