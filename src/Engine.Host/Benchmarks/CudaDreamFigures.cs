using System.Diagnostics;
using System.Globalization;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.WorldModel;
using Engine.Runtime.WorldModel.Cuda;

namespace Engine.Host.Benchmarks;

/// <summary>Dreams on a GPU whose windows have slid: frames a second and memory, for several numbers of environments.</summary>
internal static class CudaDreamFigures
{
    /// <summary>Measures and writes a table.</summary>
    public static void Run(CudaContext context, WorldModelConfig config, IReadOnlyList<int> environments, bool thorough, TextWriter output, CancellationToken cancellation)
    {
        using var weights = WorldModelBenchmark.RandomWeights(config);
        using var model = new CudaWorldModel(context, weights);
        long held = context.HeldBytes;
        output.WriteLine($"### Dreams, dim {config.Dim} × {config.NumLayers} layers × {config.NumHeads} heads, latents {config.LatentHeight}×{config.LatentWidth}×{config.InChannels}, window {config.MaxFrames}, S {config.SamplingSteps}\n");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Weights: {held / 1048576.0:0} MiB. Frames come to the host after each step.\n"));
        output.WriteLine("| mode | environments | ms a step | environment-frames/s | TFLOP/s | state, MiB an environment | device memory in all, MiB |");
        output.WriteLine("|---|--:|--:|--:|--:|--:|--:|");
        foreach (int count in environments)
        {
            foreach (var mode in new[] { DreamMode.Exact, DreamMode.Streaming })
            {
                cancellation.ThrowIfCancellationRequested();
                Line(model, config, mode, count, thorough, output);
            }
        }

        output.WriteLine();
    }

    private static void Line(CudaWorldModel model, WorldModelConfig config, DreamMode mode, int count, bool thorough, TextWriter output)
    {
        using var dream = new CudaDreamState(model, count, mode, seed: 1);
        int[] listed = [.. Enumerable.Range(0, count)];
        float[] context = new float[config.MaxFrames * config.FrameNumbers], before = new float[config.MaxFrames * config.ActionDim];
        float[] actions = new float[count * config.ActionDim], latents = new float[count * config.FrameNumbers];
        Philox.FillNormal(context, new PhiloxKey(2, PhiloxStream.Latent, 1));
        Philox.FillNormal(actions, new PhiloxKey(2, PhiloxStream.Latent, 3));
        foreach (int environment in listed) dream.Reset(environment, 0, context, before);
        var times = new List<double>();
        for (int i = thorough ? -5 : 0; i < (thorough ? 25 : 1); i++)
        {
            long start = Stopwatch.GetTimestamp();
            dream.Step(listed, actions, latents);
            if (i >= 0) times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        if (latents.AsSpan().IndexOfAnyExceptInRange(float.MinValue, float.MaxValue) >= 0)
            throw new InvalidOperationException($"The dream of {count} environments holds numbers that are none: its speed means nothing.");
        double milliseconds = Ratio.MedianOf([.. times]), operations = WorldModelFlops.Frame(config, mode, config.SamplingSteps, config.MaxFrames) * count;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {(mode == DreamMode.Exact ? "exact" : "streaming")} | {count} | {milliseconds:0.00} | {1000 * count / milliseconds:0.0} | {operations / milliseconds / 1e9:0.#} | {CudaDreamState.BytesPerEnvironment(config) / 1048576.0:0.#} | {model.Context.HeldBytes / 1048576.0:0} |"));
    }
}
