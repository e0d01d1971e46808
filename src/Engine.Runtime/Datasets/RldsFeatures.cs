using System.Globalization;
using System.Text.Json;

namespace Engine.Runtime.Datasets;

/// <summary>Reads TensorFlow Datasets' <c>features.json</c> as a map from paths such as <c>steps/observation/image_0</c>.</summary>
public static class RldsFeatures
{
    /// <summary>Reads a file.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is no description of features; the message names it.</exception>
    public static Dictionary<string, RldsFeature> Read(string path)
    {
        using FileStream stream = File.OpenRead(path);
        var features = new Dictionary<string, RldsFeature>();
        try
        {
            using JsonDocument document = JsonDocument.Parse(stream);
            Walk(document.RootElement, "", features);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new InvalidDataException($"{path}: it is no description of features ({error.Message})", error);
        }

        return features;
    }

    private static void Walk(JsonElement element, string path, Dictionary<string, RldsFeature> features)
    {
        if (element.TryGetProperty("featuresDict", out JsonElement dictionary))
        {
            foreach (JsonProperty item in dictionary.GetProperty("features").EnumerateObject())
                Walk(item.Value, path.Length == 0 ? item.Name : $"{path}/{item.Name}", features);
        }
        else if (element.TryGetProperty("sequence", out JsonElement sequence))
        {
            Walk(sequence.GetProperty("feature"), path, features);
        }
        else if (element.TryGetProperty("image", out JsonElement image))
        {
            string format = image.TryGetProperty("encodingFormat", out JsonElement encoding) ? encoding.GetString()! : "png";
            features[path] = new RldsFeature("image", Shape(image), format);
        }
        else if (element.TryGetProperty("text", out _))
        {
            features[path] = new RldsFeature("text", [], "string");
        }
        else if (element.TryGetProperty("tensor", out JsonElement tensor))
        {
            features[path] = new RldsFeature("tensor", Shape(tensor), tensor.GetProperty("dtype").GetString()!);
        }
    }

    private static long[] Shape(JsonElement element) =>
        element.TryGetProperty("shape", out JsonElement shape) && shape.TryGetProperty("dimensions", out JsonElement dimensions)
            ? [.. dimensions.EnumerateArray().Select(d => long.Parse(d.GetString()!, CultureInfo.InvariantCulture))]
            : [];
}
