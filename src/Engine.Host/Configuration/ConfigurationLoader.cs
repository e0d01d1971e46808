namespace Engine.Host.Configuration;

/// <summary>
/// Reads a configuration into a tree of plain classes or records: keys are the properties' names in snake_case, properties keep their
/// defaults where no key is given. <c>include: [a.yaml, b.yaml]</c> at the top of a file takes over other files first.
/// </summary>
/// <remarks>
/// Properties may be bool, integers, float, double, decimal, string, TimeSpan (seconds), enums (members in snake_case), nested classes and records, their
/// nullable forms, arrays, lists and dictionaries by string of any of these. Attributes of System.ComponentModel.DataAnnotations
/// (<c>[Range(1, 64)]</c>) are checked on every value that is given.
/// </remarks>
public static class ConfigurationLoader
{
    /// <summary>Reads <paramref name="yamlPath"/> (none: defaults only) and then the overrides, each <c>key.sub=value</c>; the last one wins.</summary>
    /// <exception cref="ConfigurationException">
    /// A file is absent or no YAML, a key is unknown, a value is of the wrong type or range; the message says where and what was expected.
    /// </exception>
    public static T Load<T>(string? yamlPath, IEnumerable<string> overrides)
        where T : class
    {
        var tree = yamlPath is null ? new MappingNode(new Origin("defaults")) : ConfigurationFiles.ReadFile(yamlPath);
        foreach (string text in overrides) tree.Merge(ConfigurationFiles.ReadOverride(text));
        return (T)ConfigurationBinder.Bind(typeof(T), tree);
    }

    /// <summary>The whole configuration, defaults included, as YAML that <see cref="Load"/> reads back to the same.</summary>
    public static string ToYaml(object configuration) => ConfigurationWriter.ToYaml(configuration);

    /// <summary>The whole configuration, defaults included, as JSON with the same keys.</summary>
    public static string ToJson(object configuration) => ConfigurationWriter.ToJson(configuration);
}
