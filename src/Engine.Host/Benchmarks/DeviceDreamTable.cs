using System.Globalization;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;

namespace Engine.Host.Benchmarks;

/// <summary>Dreams on a GPU whose windows have slid, for several numbers of environments: frames a second, memory, and the original beside one environment where it is given.</summary>
internal static class DeviceDreamTable
{
    /// <summary>Compares the frames with the processor's, then measures and writes a table.</summary>
    /// <param name="title">Its heading.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="device">The GPU.</param>
    /// <param name="precision">What matrices are rounded to.</param>
    /// <param name="environments">Dreams at once, a line for each and for each mode.</param>
    /// <param name="upstream">Starts the original's Python on a comparison; null for none.</param>
    /// <param name="pairs">Episodes.</param>
    /// <param name="output">Receives Markdown.</param>
    /// <param name="cancellation">Between episodes and frames.</param>
    public static void Write(
        string title, WorldModelConfig config, CudaContext device, GemmPrecision precision, IReadOnlyList<int> environments, Func<DreamComparison, UpstreamDream>? upstream, int pairs, TextWriter output,
        CancellationToken cancellation)
    {
        DreamWay[] ways = [.. new[] { DreamMode.Exact, DreamMode.Streaming }.Select(mode => new DreamWay(mode, precision, OnDevice: true))];
        using var models = new ComparedModels(config, ways, device);
        double weights = device.HeldBytes / 1048576.0, state = CudaDreamState.BytesPerEnvironment(config, precision: precision) / 1048576.0;
        output.WriteLine($"### {title}, in {precision.ToString().ToLowerInvariant()} on {device.Device.Name}\n");
        output.WriteLine("| mode | environments | ms a step | environment-frames/s | TFLOP/s | device memory besides weights, MiB | managed bytes a frame | off the processor's frames | the original's ms a frame | times as long |");
        output.WriteLine("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        string peer = "";
        int frames = 0;
        foreach (int count in environments)
        {
            using var comparison = new DreamComparison(models, ways, count);
            // The original takes seconds a frame for many environments.
            using var original = count == 1 ? upstream?.Invoke(comparison) : null;
            comparison.Measure(original, pairs, cancellation);
            peer = original?.Description ?? peer;
            frames = comparison.CheckedFrames;
            foreach (var side in comparison.Sides)
            {
                var figures = new WorldModelFigures(comparison, side, original);
                string theirs = figures.UpstreamMsPerFrame is { } milliseconds
                    ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0.0} | {figures.Ratio:0.0} ({figures.RatioLow:0.0} … {figures.RatioHigh:0.0})")
                    : " | ";
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {side.Way.Mode.ToString().ToLowerInvariant()} | {count} | {figures.MsPerFrame * count:0.00} | {figures.FramesPerSecond:0.0} | {figures.GflopPerSecond / 1e3:0.#} | {side.DeviceBytes / 1048576.0:0} | {figures.ManagedBytesPerFrame:0} | {side.Relative:0.0e0} | {theirs} |"));
            }
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"\nMedians of {pairs} episodes, window slid; a step ends when its frames are on the host. Weights {weights:0} MiB, state {state:0.#} MiB an environment. The first {frames} frames were compared with the processor's float32 (root mean square over that of the frames).{(peer.Length > 0 ? $" The original: {peer}." : "")}\n"));
    }
}
