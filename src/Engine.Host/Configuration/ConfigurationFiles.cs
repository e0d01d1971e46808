using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Engine.Host.Configuration;

/// <summary>Reads YAML files with their includes, and overrides, into one tree.</summary>
internal static class ConfigurationFiles
{
    private const string IncludeKey = "include";
    private const int MaxNodes = 100_000;
    private const int MaxDepth = 64;
    private const long MaxBytes = 4 << 20;

    /// <summary>The file with what it includes (paths relative to it, later ones win, its own keys win over all).</summary>
    public static MappingNode ReadFile(string path) => ReadFile(path, default, []);

    /// <summary>The tree that <c>key.sub=value</c> stands for; the value is YAML, so lists and mappings in flow style are fine.</summary>
    public static MappingNode ReadOverride(string text)
    {
        var origin = new Origin($"override '{text}'");
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0) throw Error(origin, "expected key.sub=value");
        string[] keys = text[..equals].Split('.');
        if (keys.Any(key => key.Trim().Length == 0)) throw Error(origin, "a key is empty; expected key.sub=value");

        ConfigurationNode value = Parse(text[(equals + 1)..], origin, (_, _) => origin) ?? new ScalarNode("", true, origin);
        foreach (string key in keys.Reverse())
        {
            var mapping = new MappingNode(origin);
            mapping.Set(key.Trim(), origin, value);
            value = mapping;
        }

        return (MappingNode)value;
    }

    private static MappingNode ReadFile(string path, Origin includedFrom, IReadOnlyList<string> chain)
    {
        string full = Path.GetFullPath(path);
        string before = includedFrom == default ? "" : $"{includedFrom}: ";
        if (chain.Contains(full))
            throw new ConfigurationException($"{before}includes go in a circle: {string.Join(" → ", chain.Append(full).Select(Show))}");
        string text = ReadText(full, before);
        var node = Parse(text, new Origin(Show(full)), (line, column) => new Origin(Show(full), line, column));
        if (node is null or ScalarNode { IsNull: true }) return new MappingNode(new Origin(Show(full), 1, 1));
        if (node is not MappingNode mapping) throw Error(node.Origin, $"expected key: value lines, got {node.Description}");

        var merged = new MappingNode(mapping.Origin);
        foreach (var (file, origin) in Includes(mapping))
            merged.Merge(ReadFile(Path.Combine(Path.GetDirectoryName(full)!, file), origin, [.. chain, full]));
        mapping.Remove(IncludeKey);
        merged.Merge(mapping);
        return merged;
    }

    private static string ReadText(string path, string before)
    {
        if (Directory.Exists(path)) throw new ConfigurationException($"{before}{Show(path)} is a folder; expected a YAML file");
        if (!File.Exists(path)) throw new ConfigurationException($"{before}{Show(path)} does not exist");
        if (new FileInfo(path).Length > MaxBytes) throw new ConfigurationException($"{before}{Show(path)} is larger than {MaxBytes >> 20} MiB; expected a configuration");
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{before}{Show(path)} cannot be read: {failure.Message}", failure);
        }
    }

    private static IEnumerable<(string File, Origin Origin)> Includes(MappingNode mapping)
    {
        var include = mapping.Find(IncludeKey);
        IReadOnlyList<ConfigurationNode> items = include switch
        {
            null => [],
            SequenceNode list => list.Items,
            _ => [include],
        };
        foreach (var item in items)
        {
            if (item is not ScalarNode { IsNull: false } file) throw Error(item.Origin, $"include: expected a file name, got {item.Description}");
            yield return (file.Text, file.Origin);
        }
    }

    private static ConfigurationNode? Parse(string text, Origin whole, Func<long, long, Origin> originAt)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException failure)
        {
            throw Error(originAt(failure.Start.Line, failure.Start.Column), $"this is not YAML: {Reason(failure)}", failure);
        }
        catch (ArgumentException failure)
        {
            throw Error(whole, $"this is not YAML: {failure.Message}", failure);
        }

        if (stream.Documents.Count == 0) return null;
        if (stream.Documents.Count > 1) throw Error(whole, $"expected one YAML document, got {stream.Documents.Count}");
        int nodes = 0;
        return Convert(stream.Documents[0].RootNode, originAt, 0, ref nodes);
    }

    private static ConfigurationNode Convert(YamlNode node, Func<long, long, Origin> originAt, int depth, ref int nodes)
    {
        var origin = originAt(node.Start.Line, node.Start.Column);
        if (++nodes > MaxNodes) throw Error(origin, $"more than {MaxNodes} values");
        if (depth > MaxDepth) throw Error(origin, $"nested deeper than {MaxDepth}");
        switch (node)
        {
            case YamlScalarNode scalar:
                return new ScalarNode(scalar.Value ?? "", scalar.Style is ScalarStyle.Plain or ScalarStyle.Any, origin);
            case YamlSequenceNode sequence:
                var items = new List<ConfigurationNode>(sequence.Children.Count);
                foreach (var child in sequence.Children) items.Add(Convert(child, originAt, depth + 1, ref nodes));
                return new SequenceNode(items, origin);
            case YamlMappingNode mapping:
                var result = new MappingNode(origin);
                foreach (var (key, value) in mapping.Children)
                {
                    var keyOrigin = originAt(key.Start.Line, key.Start.Column);
                    if (key is not YamlScalarNode { Value: { Length: > 0 } name }) throw Error(keyOrigin, "a key must be text");
                    result.Set(name, keyOrigin, Convert(value, originAt, depth + 1, ref nodes));
                }

                return result;
            default:
                throw Error(origin, "this kind of YAML node is not understood");
        }
    }

    private static string Reason(YamlException failure)
    {
        // The library repeats the place in front of its reason in some messages.
        string message = failure.InnerException is YamlException inner ? inner.Message : failure.Message;
        int at = message.IndexOf("): ", StringComparison.Ordinal);
        return message.StartsWith("(Line", StringComparison.Ordinal) && at > 0 ? message[(at + 3)..] : message;
    }

    /// <summary>The path as the user would type it from where they are.</summary>
    private static string Show(string path)
    {
        string relative = Path.GetRelativePath(Directory.GetCurrentDirectory(), path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? path : relative;
    }

    private static ConfigurationException Error(Origin origin, string message, Exception? cause = null) =>
        cause is null ? new($"{origin}: {message}") : new($"{origin}: {message}", cause);
}
