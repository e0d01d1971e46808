using System.Diagnostics;
using Engine.Kernels.Diagnostics;
using Engine.Kernels.Ops.Philox;
using Engine.Kernels.Threading;
using Engine.Kernels.Variants;
using Engine.Runtime.Weights;

namespace Engine.Runtime.WorldModel;

/// <summary>Times dreams of a given shape with random weights.</summary>
public static class WorldModelBenchmark
{
    /// <summary>The shape that is trained in a few minutes on two cores: 8×8×4 latents, width 128, 4 layers, window 4, one step.</summary>
    public static WorldModelConfig Small { get; } = new()
    {
        InChannels = 4,
        PatchSize = 2,
        Dim = 128,
        NumLayers = 4,
        NumHeads = 4,
        ActionDim = 14,
        MaxFrames = 4,
        LatentHeight = 8,
        LatentWidth = 8,
        SamplingSteps = 1,
        PreviousFrameInput = true,
        PredictChange = true,
    };

    /// <summary>The original's form at a medium size: 16×16×4 latents, width 256, 6 layers, window 10, ten steps.</summary>
    public static WorldModelConfig Medium { get; } = new()
    {
        InChannels = 4,
        PatchSize = 2,
        Dim = 256,
        NumLayers = 6,
        NumHeads = 4,
        ActionDim = 10,
        MaxFrames = 10,
        LatentHeight = 16,
        LatentWidth = 16,
        SamplingSteps = 10,
    };

    /// <summary>The original's form, larger: width 384, 8 layers.</summary>
    public static WorldModelConfig Large { get; } = Medium with { Dim = 384, NumLayers = 8, NumHeads = 6 };

    /// <summary>The original's own size: 32×32×16 latents, width 1024, 16 layers, window 20, ten steps. Needs 2.5 GB for weights.</summary>
    public static WorldModelConfig Original { get; } = new()
    {
        InChannels = 16,
        PatchSize = 2,
        Dim = 1024,
        NumLayers = 16,
        NumHeads = 16,
        ActionDim = 10,
        MaxFrames = 20,
        LatentHeight = 32,
        LatentWidth = 32,
        SamplingSteps = 10,
    };

    /// <summary>Times steps of <paramref name="environments"/> dreams whose windows have slid.</summary>
    /// <param name="name">A name for the result.</param>
    /// <param name="config">Shape.</param>
    /// <param name="environments">Dreams that advance together.</param>
    /// <param name="mode">Exact or streaming.</param>
    /// <param name="seconds">Time to measure, about; at least three steps are taken.</param>
    /// <param name="pool">Threads; the shared pool when null.</param>
    public static WorldModelTiming Run(string name, WorldModelConfig config, int environments, DreamMode mode, double seconds = 2, WorkerPool? pool = null)
    {
        pool ??= WorkerPool.Shared;
        using WorldModelWeights weights = RandomWeights(config);
        using var dream = new DreamState(weights, environments, mode, seed: 1, pool: pool);
        var listed = Enumerable.Range(0, environments).ToArray();
        float[] context = Normal(config.MaxFrames * config.FrameNumbers, 1), contextActions = Normal(config.MaxFrames * config.ActionDim, 2);
        float[] actions = Normal(environments * config.ActionDim, 3), latents = new float[environments * config.FrameNumbers];
        foreach (int environment in listed) dream.Reset(environment, 0, context, contextActions);
        for (int i = 0; i < 3; i++) dream.Step(listed, actions, latents);
        var times = new List<double>();
        TimeSpan processor = Environment.CpuUsage.TotalTime;
        var total = Stopwatch.StartNew();
        while (times.Count < 3 || total.Elapsed.TotalSeconds < seconds)
        {
            long start = Stopwatch.GetTimestamp();
            dream.Step(listed, actions, latents);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        double processorTime = (Environment.CpuUsage.TotalTime - processor).TotalMilliseconds / times.Count;
        times.Sort();
        double flops = WorldModelFlops.Frame(config, mode, config.SamplingSteps, config.MaxFrames) * environments;
        double original = WorldModelFlops.OriginalFrame(config, config.SamplingSteps, config.MaxFrames) * environments;
        return new WorldModelTiming(
            name, mode, environments, pool.Threads, times[times.Count / 2], times[0], processorTime, times.Count, flops, original, ArithmeticPeak.Measure(Fastest()) * pool.Threads);
    }

    /// <summary>Weights that keep activations near one.</summary>
    public static WorldModelWeights RandomWeights(WorldModelConfig config, ulong seed = 1) => WorldModelWeights.Load(RandomArrays(config, seed), config);

    /// <summary>The same as a state dict.</summary>
    public static Dictionary<string, NamedArray> RandomArrays(WorldModelConfig config, ulong seed = 1)
    {
        var weights = new Dictionary<string, NamedArray>();
        uint index = 0;
        foreach (var (name, shape) in WorldModelWeights.Shapes(config))
        {
            var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
            Philox.FillNormal(values, new PhiloxKey(seed, PhiloxStream.WeightInitialisation, index++));
            float scale = shape.Length == 1 ? 0.1f : 1f / MathF.Sqrt(values.Length / shape[0]);
            for (int i = 0; i < values.Length; i++) values[i] *= scale;
            weights.Add(name, NamedArray.FromFloat32(values, shape));
        }

        return weights;
    }

    private static KernelVariant Fastest() => KernelVariants.List().Single(table => table.Operation == "gemm").Active;

    private static float[] Normal(int length, uint index)
    {
        var values = new float[length];
        Philox.FillNormal(values, new PhiloxKey(2, PhiloxStream.Latent, index));
        return values;
    }
}
