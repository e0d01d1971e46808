using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Engine.Runtime.Weights;

/// <summary>Small JSON files that travel with weights and data: snake_case names, unknown and missing members refused, written atomically.</summary>
public static class JsonFile
{
    private const long MaxLength = 64 << 20;

    /// <summary>The options that all such files share.</summary>
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.General)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        IgnoreReadOnlyProperties = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        IndentSize = 2,
        NewLine = "\n",
    };

    /// <summary>Reads a file.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is no JSON of this form; the message names the file and the place.</exception>
    public static T Read<T>(string path)
    {
        using FileStream stream = File.OpenRead(path);
        if (stream.Length > MaxLength) throw new InvalidDataException($"{path}: {stream.Length} bytes are too many for such a file");
        try
        {
            return JsonSerializer.Deserialize<T>(stream, Options) ?? throw new InvalidDataException($"{path}: it holds null");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path}: {error.Message}", error);
        }
    }

    /// <summary>Writes a file atomically, ending in a newline.</summary>
    /// <exception cref="ArgumentException">The value holds a number that JSON cannot say (NaN, infinity).</exception>
    public static void Write<T>(string path, T value) => AtomicFile.WriteText(path, ToText(value) + "\n");

    /// <summary>The JSON text of a value, as <see cref="Write"/> would write it.</summary>
    public static string ToText<T>(T value) => JsonSerializer.Serialize(value, Options);
}
