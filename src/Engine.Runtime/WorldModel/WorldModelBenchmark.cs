using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Weights;

namespace Engine.Runtime.WorldModel;

/// <summary>Shapes that are timed and compared, and random weights for them.</summary>
public static class WorldModelBenchmark
{
    /// <summary>The quickstart's shape, trained in a few minutes on two cores: 8×8×4 latents, width 128, 3 layers, window 4, one step.</summary>
    public static WorldModelConfig Small { get; } = new()
    {
        InChannels = 4,
        PatchSize = 2,
        Dim = 128,
        NumLayers = 3,
        NumHeads = 4,
        ActionDim = 42,
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
}
