using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Engine.Kernels.Ops.Rotary;
using Engine.Runtime.Weights;

namespace Engine.Runtime.WorldModel;

/// <summary>How a sequence is generated; one case of a settings file, which maps names to cases.</summary>
public sealed record GenerateSettings
{
    /// <summary>Frames in all, context included.</summary>
    public required int NFrames { get; init; }

    /// <summary>Frames denoised together.</summary>
    public int Horizon { get; init; } = 1;

    /// <summary>Frames in sight; the model's max_frames when null.</summary>
    public int? WindowLen { get; init; }

    /// <summary>DDIM steps per frame; the model's sampling_steps when null.</summary>
    public int? SamplingTimesteps { get; init; }

    /// <summary>Spatial rotary embedding; the model's when null.</summary>
    public RotaryFrequencies? SpatialRope { get; init; }

    /// <summary>Latent rows; the model's when null.</summary>
    [JsonPropertyName("H")]
    public int? Height { get; init; }

    /// <summary>Latent columns; the model's when null.</summary>
    [JsonPropertyName("W")]
    public int? Width { get; init; }

    private static JsonSerializerOptions JsonOptions { get; } = new(JsonFile.Options)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>Reads the case <paramref name="name"/> of a settings file; members that are not named here are ignored.</summary>
    /// <exception cref="InvalidDataException">The file is not of this form, or has no such case.</exception>
    public static GenerateSettings Read(string path, string name)
    {
        try
        {
            var cases = JsonNode.Parse(File.ReadAllText(path))?.AsObject() ?? throw new InvalidDataException($"{path}: a JSON object of cases is expected, it holds null");
            if (cases[name] is not { } one)
                throw new InvalidDataException($"{path}: there is no case '{name}'; it has: {string.Join(", ", cases.Select(entry => entry.Key))}");
            return one.Deserialize<GenerateSettings>(JsonOptions)!;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>The model's configuration with what these settings change.</summary>
    public WorldModelConfig Apply(WorldModelConfig config)
    {
        WorldModelConfig changed = config with
        {
            LatentHeight = Height ?? config.LatentHeight,
            LatentWidth = Width ?? config.LatentWidth,
            SpatialRotary = SpatialRope ?? config.SpatialRotary,
            SamplingSteps = SamplingTimesteps ?? config.SamplingSteps,
            MaxFrames = WindowLen ?? config.MaxFrames,
        };
        changed.Validate();
        return changed;
    }
}
