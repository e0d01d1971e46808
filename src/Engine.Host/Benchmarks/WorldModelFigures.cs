using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Engine.Kernels.Diagnostics;
using Engine.Kernels.Threading;
using Engine.Kernels.Variants;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>What <c>bench worldmodel</c> prints: a dream whose window has slid, beside the original's.</summary>
internal sealed record WorldModelFigures
{
    /// <summary>Figures of one way of a comparison.</summary>
    public WorldModelFigures(DreamComparison comparison, DreamSide side, UpstreamDream? upstream)
    {
        var config = comparison.Config;
        double[] ours = [.. side.Times.Select(Slid)], theirs = [.. comparison.Original.Select(Slid)];
        Mode = side.Way.Mode;
        Precision = side.Way.Precision;
        Batch = comparison.Batch;
        Threads = WorkerPool.Shared.Threads;
        Pairs = ours.Length;
        MsPerFrame = Benchmarks.Ratio.MedianOf(ours);
        FramesPerSecond = 1e3 / MsPerFrame;
        Gflop = WorldModelFlops.Frame(config, side.Way.Mode, config.SamplingSteps, config.MaxFrames) / 1e9;
        GflopPerSecond = Gflop / MsPerFrame * 1e3;
        Device = side.Way.OnDevice ? comparison.Device! : "cpu";
        if (!side.Way.OnDevice) ShareOfFloat32Peak = GflopPerSecond / (ArithmeticPeak.Measure(KernelVariants.List().Single(table => table.Operation == "gemm").Active) * Threads);
        ManagedBytesPerFrame = side.Allocated / (double)((comparison.Frames - 1) * Batch);
        if (upstream is null) return;
        Upstream = upstream.Description;
        UpstreamMsPerFrame = Benchmarks.Ratio.MedianOf(theirs);
        var ratio = Benchmarks.Ratio.Of(theirs, ours);
        (Ratio, RatioLow, RatioHigh) = (ratio.Median, ratio.Low, ratio.High);
        MaxAbsDifference = side.Difference;
        MaxAbsDifferenceInWindow = side.DifferenceInWindow;

        double Slid(double[] times) => Benchmarks.Ratio.MedianOf(times[config.MaxFrames..]) / comparison.Batch;
    }

    /// <summary>Snake-case names, numbers as they are.</summary>
    public static JsonSerializerOptions JsonOptions { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public DreamMode Mode { get; }

    public Engine.Kernels.Ops.Gemm.GemmPrecision Precision { get; }

    /// <summary><c>cpu</c>, or the GPU's name.</summary>
    public string Device { get; }

    public int Batch { get; }

    public int Threads { get; }

    public int Pairs { get; }

    /// <summary>Median over the episodes of the time of a step, over the environments.</summary>
    public double MsPerFrame { get; }

    public double FramesPerSecond { get; }

    /// <summary>The original's, per environment, in the same run; null without it.</summary>
    public double? UpstreamMsPerFrame { get; }

    /// <summary>Median of the pairs' ratios, theirs over ours.</summary>
    public double? Ratio { get; }

    public double? RatioLow { get; }

    public double? RatioHigh { get; }

    /// <summary>Over all frames; those of <c>streaming</c> differ once the window has slid.</summary>
    public double? MaxAbsDifference { get; }

    public double? MaxAbsDifferenceInWindow { get; }

    /// <summary>Operations of a frame (<see cref="WorldModelFlops"/>).</summary>
    public double Gflop { get; }

    public double GflopPerSecond { get; }

    /// <summary>Of the processor; null on a GPU.</summary>
    public double? ShareOfFloat32Peak { get; }

    public double ManagedBytesPerFrame { get; }

    /// <summary>Versions and threads of the original, and what stood in for what it lacked.</summary>
    public string? Upstream { get; }

    /// <inheritdoc/>
    public override string ToString()
    {
        string where = ShareOfFloat32Peak is null ? $"{Mode}, {Device}" : $"{Mode}, {Precision}", share = ShareOfFloat32Peak is { } peak ? string.Create(CultureInfo.InvariantCulture, $" ({peak:P0} of the float32 peak)") : "";
        string own = string.Create(
            CultureInfo.InvariantCulture,
            $"{where}, batch {Batch}, {Threads} threads: {MsPerFrame:0.00} ms a frame, {FramesPerSecond:0.0} frames/s, {Gflop:0.00} GFLOP, {GflopPerSecond:0} GFLOP/s{share}, {ManagedBytesPerFrame:0} managed bytes a frame");
        return Upstream is null
            ? own
            : own + string.Create(CultureInfo.InvariantCulture, $"\n{Upstream}: {UpstreamMsPerFrame:0.0} ms a frame; {Ratio:0.00} ({RatioLow:0.00} … {RatioHigh:0.00}) times as long, {Pairs} pairs; greatest difference {MaxAbsDifference:0.0e0}, in the window {MaxAbsDifferenceInWindow:0.0e0}");
    }
}
