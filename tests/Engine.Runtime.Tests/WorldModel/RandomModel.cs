using Engine.Kernels.Ops.Philox;
using Engine.Runtime.WorldModel;

namespace Engine.Runtime.Tests.WorldModel;

/// <summary>Models with random weights, for properties that hold for every model.</summary>
internal static class RandomModel
{
    public static WorldModelConfig Small { get; } = new()
    {
        InChannels = 4,
        PatchSize = 2,
        Dim = 64,
        NumLayers = 3,
        NumHeads = 4,
        ActionDim = 7,
        MaxFrames = 4,
        LatentHeight = 8,
        LatentWidth = 6,
        SamplingSteps = 2,
    };

    public static WorldModelWeights Create(WorldModelConfig config, ulong seed = 1) => WorldModelBenchmark.RandomWeights(config, seed);

    /// <summary>Standard normal numbers named by an index.</summary>
    public static float[] Normal(int length, uint name)
    {
        var values = new float[length];
        Philox.FillNormal(values, new PhiloxKey(99, PhiloxStream.Latent, name));
        return values;
    }
}
