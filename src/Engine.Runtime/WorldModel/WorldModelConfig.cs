using System.Text.Json;
using System.Text.Json.Serialization;
using Engine.Kernels.Ops.Rotary;
using Engine.Runtime.Weights;

namespace Engine.Runtime.WorldModel;

/// <summary>
/// Shape and options of a diffusion world model; travels with the weights as JSON (snake_case names). The defaults of the options are the
/// original's behaviour (world-model-eval, arXiv 2506.00613).
/// </summary>
public sealed record WorldModelConfig
{
    /// <summary>Latent channels C.</summary>
    public required int InChannels { get; init; }

    /// <summary>Side of a patch P; latent height and width are multiples of it.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Width D of a token.</summary>
    public required int Dim { get; init; }

    /// <summary>Layers; each is a spatial and a temporal transformer block.</summary>
    public required int NumLayers { get; init; }

    /// <summary>Attention heads; Dim / NumHeads must be a multiple of 4.</summary>
    public required int NumHeads { get; init; }

    /// <summary>Numbers in the conditioning of a frame: the action, and whatever else is put behind it (a commanded pose).</summary>
    public required int ActionDim { get; init; }

    /// <summary>Frames in the window, the one being denoised included.</summary>
    public required int MaxFrames { get; init; }

    /// <summary>Latent rows H.</summary>
    public required int LatentHeight { get; init; }

    /// <summary>Latent columns W.</summary>
    public required int LatentWidth { get; init; }

    /// <summary>Denoising steps S per frame unless the caller asks for another number.</summary>
    public int SamplingSteps { get; init; } = 10;

    /// <summary>Angles of the spatial rotary embedding; time always uses the standard ones.</summary>
    public RotaryFrequencies SpatialRotary { get; init; } = RotaryFrequencies.Standard;

    /// <summary>Clean frames enter the network scaled by √ā and with the time step of this level minus one.</summary>
    public int StabilisationLevel { get; init; } = 15;

    /// <summary>The latents of the frame before, as the network sees them, stand behind a frame's own on the channel axis; zeros for the first frame of a window.</summary>
    public bool PreviousFrameInput { get; init; }

    /// <summary>The network's output v′ means v = v′ − √(1 − ā)·previous, so that it learns the change; needs no <see cref="PreviousFrameInput"/>, but is mostly used with it.</summary>
    public bool PredictChange { get; init; }

    /// <summary>Tokens in a frame.</summary>
    [JsonIgnore]
    public int Tokens => LatentHeight / PatchSize * (LatentWidth / PatchSize);

    /// <summary>Numbers in a patch: P · P · C.</summary>
    [JsonIgnore]
    public int PatchNumbers => PatchSize * PatchSize * InChannels;

    /// <summary>Numbers in a frame of latents: H · W · C.</summary>
    [JsonIgnore]
    public int FrameNumbers => LatentHeight * LatentWidth * InChannels;

    private static JsonSerializerOptions JsonOptions { get; } = new(JsonFile.Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>Reads a JSON file; members that are not named here are ignored. <c>latent_h</c> and <c>latent_w</c> are understood too.</summary>
    /// <exception cref="InvalidDataException">The file is not of this form, or a number is out of range.</exception>
    public static WorldModelConfig Read(string path)
    {
        try
        {
            return Parse(File.ReadAllText(path));
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>Parses JSON text; see <see cref="Read"/>.</summary>
    /// <exception cref="InvalidDataException">The text is not of this form, or a number is out of range.</exception>
    public static WorldModelConfig Parse(string json)
    {
        try
        {
            var root = System.Text.Json.Nodes.JsonNode.Parse(json)?.AsObject() ?? throw new InvalidDataException("the model's configuration must be a JSON object, it is null");
            foreach (var (given, name) in new[] { ("latent_h", "latent_height"), ("latent_w", "latent_width") })
            {
                if (root[name] is null && root[given] is { } value) root[name] = value.DeepClone();
            }

            WorldModelConfig config = root.Deserialize<WorldModelConfig>(JsonOptions)!;
            config.Validate();
            return config;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"the model's configuration is not valid: {error.Message}", error);
        }
    }

    /// <summary>The JSON text.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, JsonOptions) + "\n";

    /// <summary>Checks every number.</summary>
    /// <exception cref="InvalidDataException">A number is out of range; the message says which and what is expected.</exception>
    public void Validate()
    {
        Positive(InChannels, "in_channels");
        Positive(PatchSize, "patch_size");
        Positive(Dim, "dim");
        Positive(NumLayers, "num_layers");
        Positive(NumHeads, "num_heads");
        Positive(ActionDim, "action_dim");
        Positive(MaxFrames, "max_frames");
        Positive(LatentHeight, "latent_height");
        Positive(LatentWidth, "latent_width");
        if (Dim % NumHeads != 0 || Dim / NumHeads % 4 != 0)
            throw new InvalidDataException($"dim / num_heads must be a multiple of 4 (pairs on two axes), it is {Dim} / {NumHeads}");
        if (LatentHeight % PatchSize != 0 || LatentWidth % PatchSize != 0)
            throw new InvalidDataException($"latent_height and latent_width must be multiples of patch_size {PatchSize}, they are {LatentHeight} × {LatentWidth}");
        if (SamplingSteps is < 1 or > DiffusionSchedule.TrainingSteps)
            throw new InvalidDataException($"sampling_steps must be 1…{DiffusionSchedule.TrainingSteps}, it is {SamplingSteps}");
        if (StabilisationLevel is < 1 or > DiffusionSchedule.TrainingSteps)
            throw new InvalidDataException($"stabilisation_level must be 1…{DiffusionSchedule.TrainingSteps}, it is {StabilisationLevel}");
    }

    private static void Positive(int value, string name)
    {
        if (value <= 0) throw new InvalidDataException($"{name} must be positive, it is {value}");
    }
}
