namespace Engine.Host.Configuration;

/// <summary>A value of a configuration with the place that it came from.</summary>
internal abstract class ConfigurationNode(Origin origin)
{
    public Origin Origin { get; } = origin;

    /// <summary>What it is, for messages.</summary>
    public abstract string Description { get; }
}

/// <summary>Text; <see cref="IsPlain"/> tells <c>null</c> from <c>"null"</c>.</summary>
internal sealed class ScalarNode(string text, bool isPlain, Origin origin) : ConfigurationNode(origin)
{
    public string Text { get; } = text;

    public bool IsPlain { get; } = isPlain;

    public bool IsNull => IsPlain && Text is "" or "~" or "null" or "Null" or "NULL";

    public override string Description => IsNull ? "nothing" : $"'{Text}'";
}

internal sealed class SequenceNode(IReadOnlyList<ConfigurationNode> items, Origin origin) : ConfigurationNode(origin)
{
    public IReadOnlyList<ConfigurationNode> Items { get; } = items;

    public override string Description => "a list";
}

internal sealed class MappingNode(Origin origin) : ConfigurationNode(origin)
{
    private readonly OrderedDictionary<string, (Origin Key, ConfigurationNode Value)> _entries = [];

    public IEnumerable<(string Key, Origin Origin, ConfigurationNode Value)> Entries =>
        _entries.Select(entry => (entry.Key, entry.Value.Key, entry.Value.Value));

    public override string Description => "a mapping";

    public void Set(string key, Origin origin, ConfigurationNode value) => _entries[key] = (origin, value);

    public ConfigurationNode? Find(string key) => _entries.TryGetValue(key, out var entry) ? entry.Value : null;

    public void Remove(string key) => _entries.Remove(key);

    /// <summary>Takes over everything of <paramref name="later"/>: mappings are merged key by key, anything else is replaced.</summary>
    public void Merge(MappingNode later)
    {
        foreach (var (key, origin, value) in later.Entries)
        {
            if (value is MappingNode mapping && Find(key) is MappingNode mine) mine.Merge(mapping);
            else Set(key, origin, value is MappingNode fresh ? fresh.Copy() : value);
        }
    }

    // An anchor may stand at several places; merging into one of them must not change the others.
    private MappingNode Copy()
    {
        var copy = new MappingNode(Origin);
        copy.Merge(this);
        return copy;
    }
}

/// <summary>Where a value stands: a file with line and column (from 1), or an override of the command line.</summary>
internal readonly record struct Origin(string Source, long Line = 0, long Column = 0)
{
    public override string ToString() => Line > 0 ? $"{Source}:{Line}:{Column}" : Source;
}
