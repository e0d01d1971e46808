using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.Weights;

namespace Engine.Runtime.WorldModel;

/// <summary>The weights of a world model, packed for the kernels; immutable, shared by any number of dreams and threads.</summary>
public sealed class WorldModelWeights : IDisposable
{
    /// <summary>Hidden width of a block's MLP over its width.</summary>
    internal const int MlpRatio = 4;

    private readonly NativeBuffer<float> _timestepEmbeddings;

    private WorldModelWeights(WorldModelConfig config, WeightReader reader, GemmPrecision precision)
    {
        int d = config.Dim, patch = config.PatchNumbers;
        Config = config;
        Schedule = DiffusionSchedule.Default;
        int sources = config.PreviousFrameInput ? 2 : 1;
        float[] projection = ReorderPatch(
            reader.Take("x_proj.weight", d, sources * config.InChannels, config.PatchSize, config.PatchSize), d, sources, config.InChannels, config.PatchSize);
        Patch = new PackedLinear(projection, reader.Take("x_proj.bias", d), sources * patch, d);
        Action = reader.Linear("action_embedder", config.ActionDim, d);
        using PackedLinear time0 = reader.Linear("timestep_mlp.0", TimestepEmbedding.Width, d), time2 = reader.Linear("timestep_mlp.2", d, d);
        _timestepEmbeddings = Embed(time0, time2, d);

        Blocks = new BlockWeights[2 * config.NumLayers];
        ModulationWidth = Blocks.Length * 6 * d + 2 * d;
        var modulation = new float[checked(ModulationWidth * d)];
        var modulationBias = new float[ModulationWidth];
        for (int i = 0; i < Blocks.Length; i++)
        {
            string name = BlockName(i);
            reader.Take($"{name}.adaLN_modulation.1.weight", 6 * d, d).CopyTo(modulation, i * 6 * d * d);
            reader.Take($"{name}.adaLN_modulation.1.bias", 6 * d).CopyTo(modulationBias, i * 6 * d);
            Blocks[i] = new BlockWeights(
                new PackedLinear(reader.Take($"{name}.attn.qkv_proj.weight", 3 * d, d), [], d, 3 * d, precision),
                reader.Linear($"{name}.attn.out_proj", d, d, precision),
                reader.Linear($"{name}.ffwd.0", d, MlpRatio * d, precision),
                reader.Linear($"{name}.ffwd.2", MlpRatio * d, d, precision));
        }

        reader.Take("final_layer.adaLN_modulation.1.weight", 2 * d, d).CopyTo(modulation, Blocks.Length * 6 * d * d);
        reader.Take("final_layer.adaLN_modulation.1.bias", 2 * d).CopyTo(modulationBias, Blocks.Length * 6 * d);
        Modulation = new PackedLinear(modulation, modulationBias, d, ModulationWidth);
        Final = reader.Linear("final_layer.linear", d, patch);
        reader.RequireAllTaken();
    }

    /// <summary>The shape and options that the weights were loaded with.</summary>
    public WorldModelConfig Config { get; }

    /// <summary>The noise schedule.</summary>
    public DiffusionSchedule Schedule { get; }

    /// <summary>Number of weights.</summary>
    public long ParameterCount { get; private init; }

    /// <summary>Scale of a clean frame as the network sees it: √ā at the stabilisation level.</summary>
    internal float ContextScale => (float)Math.Sqrt(Schedule.AlphaBar(ContextTimestep));

    /// <summary>Time step of a clean frame as the network is told.</summary>
    internal int ContextTimestep => Config.StabilisationLevel - 1;

    /// <summary>Numbers in one row of modulation: six vectors for each block, then two of the final layer.</summary>
    internal int ModulationWidth { get; }

    internal PackedLinear Patch { get; }

    internal PackedLinear Action { get; }

    internal PackedLinear Modulation { get; }

    internal PackedLinear Final { get; }

    /// <summary>Spatial and temporal block by turns.</summary>
    internal BlockWeights[] Blocks { get; }

    /// <summary>Packs weights named as in the state dict; float16 and bfloat16 are widened.</summary>
    /// <param name="weights">Arrays by name; <c>nn.Linear</c> weights are [out, in], <c>x_proj.weight</c> is [D, C or 2C, P, P].</param>
    /// <param name="config">Shape and options.</param>
    /// <param name="precision">Of the blocks' projections, nine tenths of the work; all else stays float32.</param>
    /// <exception cref="InvalidDataException">A weight is missing, left over, of another shape, or holds a NaN or an infinity; the message names it.</exception>
    /// <exception cref="PlatformNotSupportedException">This processor has no bfloat16.</exception>
    public static WorldModelWeights Load(IReadOnlyDictionary<string, NamedArray> weights, WorldModelConfig config, GemmPrecision precision = GemmPrecision.Float32)
    {
        config.Validate();
        return new WorldModelWeights(config, new WeightReader(weights, "the world model"), precision) { ParameterCount = weights.Values.Sum(array => (long)array.Count) };
    }

    /// <summary>Every weight's name and shape, in the order of the state dict.</summary>
    public static IReadOnlyList<(string Name, long[] Shape)> Shapes(WorldModelConfig config)
    {
        long d = config.Dim;
        var shapes = new List<(string, long[])>
        {
            ("x_proj.weight", [d, config.InChannels * (config.PreviousFrameInput ? 2 : 1), config.PatchSize, config.PatchSize]),
            ("x_proj.bias", [d]),
        };
        void Linear(string name, long outputs, long inputs)
        {
            shapes.Add(($"{name}.weight", [outputs, inputs]));
            shapes.Add(($"{name}.bias", [outputs]));
        }

        Linear("timestep_mlp.0", d, TimestepEmbedding.Width);
        Linear("timestep_mlp.2", d, d);
        Linear("action_embedder", d, config.ActionDim);
        for (int i = 0; i < 2 * config.NumLayers; i++)
        {
            Linear($"{BlockName(i)}.adaLN_modulation.1", 6 * d, d);
            shapes.Add(($"{BlockName(i)}.attn.qkv_proj.weight", [3 * d, d]));
            Linear($"{BlockName(i)}.attn.out_proj", d, d);
            Linear($"{BlockName(i)}.ffwd.0", MlpRatio * d, d);
            Linear($"{BlockName(i)}.ffwd.2", d, MlpRatio * d);
        }

        Linear("final_layer.linear", config.PatchNumbers, d);
        Linear("final_layer.adaLN_modulation.1", 2 * d, d);
        return shapes;
    }

    /// <summary>Frees the packed weights; nothing may be using them.</summary>
    public void Dispose()
    {
        Patch.Dispose();
        Action.Dispose();
        Modulation.Dispose();
        Final.Dispose();
        foreach (BlockWeights block in Blocks) block.Dispose();
        _timestepEmbeddings.Dispose();
    }

    /// <summary>The embedded diffusion time, [D].</summary>
    internal ReadOnlySpan<float> TimestepEmbeddingOf(int t) => _timestepEmbeddings.Slice(t * Config.Dim, Config.Dim);

    private static string BlockName(int index) => $"blocks.{index / 2}.{(index % 2 == 0 ? "s_block" : "t_block")}";

    private static NativeBuffer<float> Embed(PackedLinear first, PackedLinear second, int dim)
    {
        const int Steps = DiffusionSchedule.TrainingSteps;
        var result = new NativeBuffer<float>(Steps * dim);
        using var sinusoids = new NativeBuffer<float>(Steps * TimestepEmbedding.Width);
        using var hidden = new NativeBuffer<float>(Steps * dim);
        for (int t = 0; t < Steps; t++) TimestepEmbedding.Write(t, sinusoids.Slice(t * TimestepEmbedding.Width, TimestepEmbedding.Width));
        Gemm.Multiply(sinusoids.Span, Steps, first, hidden.Span, ActivationFunction.Silu);
        Gemm.Multiply(hidden.Span, Steps, second, result.Span);
        return result;
    }

    /// <summary>[D, source · channel, row, column] → [D, source, row, column, channel], the order of the tokens' numbers.</summary>
    private static float[] ReorderPatch(float[] weight, int dim, int sources, int channels, int patch)
    {
        var result = new float[weight.Length];
        int area = patch * patch, width = sources * channels * area;
        for (int row = 0; row < dim; row++)
        {
            for (int source = 0; source < sources; source++)
            {
                for (int channel = 0; channel < channels; channel++)
                {
                    for (int i = 0; i < area; i++)
                    {
                        result[row * width + (source * area + i) * channels + channel] = weight[row * width + (source * channels + channel) * area + i];
                    }
                }
            }
        }

        return result;
    }
}
