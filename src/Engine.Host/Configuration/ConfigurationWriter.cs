using System.Collections;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace Engine.Host.Configuration;

/// <summary>Writes configuration objects back, every property by its key.</summary>
internal static class ConfigurationWriter
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string ToYaml(object configuration)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        text.NewLine = "\n";
        new YamlStream(new YamlDocument(Yaml(configuration))).Save(text, assignAnchors: false);
        // The library closes a stream with "...", which nobody writes.
        string yaml = text.ToString().Replace("\r\n", "\n", StringComparison.Ordinal).TrimEnd();
        return (yaml.EndsWith("\n...", StringComparison.Ordinal) ? yaml[..^4] : yaml) + "\n";
    }

    public static string ToJson(object configuration) => (Json(configuration) ?? new JsonObject()).ToJsonString(Indented) + "\n";

    private static YamlNode Yaml(object? value)
    {
        switch (value)
        {
            case null:
                return new YamlScalarNode("null") { Style = ScalarStyle.Plain };
            case string text:
                return new YamlScalarNode(text) { Style = NeedsQuotes(text) ? ScalarStyle.DoubleQuoted : ScalarStyle.Any };
        }

        if (ConfigurationScalars.Parser(value.GetType()) is not null)
            return new YamlScalarNode(ConfigurationScalars.Text(value)) { Style = ScalarStyle.Plain };
        if (IsMapping(value))
        {
            var mapping = new YamlMappingNode();
            foreach (var (key, entry) in Entries(value)) mapping.Add(key, Yaml(entry));
            if (mapping.Children.Count == 0) mapping.Style = MappingStyle.Flow;
            return mapping;
        }

        var items = ((IEnumerable)value).Cast<object?>().ToList();
        bool isFlat = items.TrueForAll(item => item is null || ConfigurationScalars.Parser(item.GetType()) is not null);
        return new YamlSequenceNode(items.Select(Yaml)) { Style = isFlat ? SequenceStyle.Flow : SequenceStyle.Block };
    }

    private static JsonNode? Json(object? value)
    {
        switch (value)
        {
            case null: return null;
            case bool flag: return JsonValue.Create(flag);
            case string text: return JsonValue.Create(text);
            case TimeSpan span: return JsonValue.Create(span.TotalSeconds);
            case Enum member: return JsonValue.Create(ConfigurationScalars.Text(member));
        }

        if (ConfigurationScalars.Parser(value.GetType()) is not null) return JsonNode.Parse(ConfigurationScalars.Text(value));
        if (!IsMapping(value)) return new JsonArray(((IEnumerable)value).Cast<object?>().Select(Json).ToArray());
        var mapping = new JsonObject();
        foreach (var (key, entry) in Entries(value)) mapping[key] = Json(entry);
        return mapping;
    }

    private static bool IsMapping(object value) => value is not IEnumerable || ConfigurationBinder.ValueOf(value.GetType()) is not null;

    private static IEnumerable<(string Key, object? Value)> Entries(object value)
    {
        if (value is IDictionary dictionary)
        {
            foreach (DictionaryEntry entry in dictionary) yield return ((string)entry.Key, entry.Value);
            yield break;
        }

        foreach (var (key, property) in ConfigurationBinder.Properties(value.GetType())) yield return (key, property.GetValue(value));
    }

    /// <summary>Texts that would read back as something else, or as nothing.</summary>
    private static bool NeedsQuotes(string text) => text.Length == 0 || text is "~" or "true" or "false"
        || text.Equals("null", StringComparison.OrdinalIgnoreCase) || double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _);
}
