using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Weights;
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

    public static WorldModelWeights Create(WorldModelConfig config, ulong seed = 1)
    {
        var weights = new Dictionary<string, NamedArray>();
        uint index = 0;
        void Add(string name, params long[] shape)
        {
            var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
            Philox.FillNormal(values, new PhiloxKey(seed, PhiloxStream.WeightInitialisation, index++));
            float scale = shape.Length == 1 ? 0.1f : 1f / MathF.Sqrt(values.Length / shape[0]);
            for (int i = 0; i < values.Length; i++) values[i] *= scale;
            weights.Add(name, NamedArray.FromFloat32(values, shape));
        }

        void Linear(string name, int outputs, int inputs)
        {
            Add(name + ".weight", outputs, inputs);
            Add(name + ".bias", outputs);
        }

        int d = config.Dim;
        Add("x_proj.weight", d, config.InChannels * (config.PreviousFrameInput ? 2 : 1), config.PatchSize, config.PatchSize);
        Add("x_proj.bias", d);
        Linear("timestep_mlp.0", d, 256);
        Linear("timestep_mlp.2", d, d);
        Linear("action_embedder", d, config.ActionDim);
        for (int layer = 0; layer < config.NumLayers; layer++)
        {
            foreach (string kind in new[] { "s_block", "t_block" })
            {
                string name = $"blocks.{layer}.{kind}";
                Linear($"{name}.adaLN_modulation.1", 6 * d, d);
                Add($"{name}.attn.qkv_proj.weight", 3 * d, d);
                Linear($"{name}.attn.out_proj", d, d);
                Linear($"{name}.ffwd.0", 4 * d, d);
                Linear($"{name}.ffwd.2", d, 4 * d);
            }
        }

        Linear("final_layer.adaLN_modulation.1", 2 * d, d);
        Linear("final_layer.linear", config.PatchNumbers, d);
        return WorldModelWeights.Load(weights, config);
    }

    /// <summary>Standard normal numbers named by an index.</summary>
    public static float[] Normal(int length, uint name)
    {
        var values = new float[length];
        Philox.FillNormal(values, new PhiloxKey(99, PhiloxStream.Latent, name));
        return values;
    }
}
