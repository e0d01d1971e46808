using System.Globalization;
using Engine.Kernels.Ops.Gemm;
using Engine.Kernels.Threading;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>One dream beside the original's, in every mode and precision that this machine has, as a table.</summary>
internal static class DreamTable
{
    /// <summary>Measures and writes.</summary>
    public static void Write(string title, WorldModelConfig config, string checkout, string python, int pairs, TextWriter output, CancellationToken cancellation)
    {
        DreamWay[] ways = [new(DreamMode.Exact), new(DreamMode.Streaming)];
        if (Gemm.HasBfloat16) ways = [.. ways, .. ways.Select(way => way with { Precision = GemmPrecision.BFloat16 })];
        using var models = new ComparedModels(config, ways);
        using var comparison = new DreamComparison(models, ways);
        using var upstream = comparison.Start(checkout, python);
        comparison.Measure(upstream, pairs, cancellation);

        int last = config.MaxFrames - 1;
        var figures = new List<Figure>();
        foreach (var side in comparison.Sides)
        {
            figures.Add(Line($"window has slid, {side.Way}", side, times => Ratio.MedianOf(times[(last + 1)..])));
            if (side.Way.Mode != DreamMode.Exact || last < 1) continue;
            figures.Add(Line($"window just full, {side.Way}", side, times => times[last]));
            figures.Add(Line($"frames 1 to {last}, while the window fills, {side.Way}", side, times => times[1..(last + 1)].Average()));
        }

        Figure.Write(output, string.Create(CultureInfo.InvariantCulture, $"{title}: ms a frame, one environment, {WorkerPool.Shared.Threads} threads"), upstream.Description, figures);
        output.WriteLine($"{pairs} pairs, frame by frame in turns. Difference of the frames from the original's, whose numbers have a deviation of about 1: {string.Join("; ", comparison.Sides)}.\n");

        Figure Line(string name, DreamSide side, Func<double[], double> of)
        {
            double[] theirs = [.. comparison.Original.Select(of)], ours = [.. side.Times.Select(of)];
            return new Figure(
                name, string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(ours):0.0}"), string.Create(CultureInfo.InvariantCulture, $"{Ratio.MedianOf(theirs):0.0}"), $"{Ratio.Of(theirs, ours)}×");
        }
    }
}
