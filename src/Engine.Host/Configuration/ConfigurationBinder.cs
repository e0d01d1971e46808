using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;

namespace Engine.Host.Configuration;

/// <summary>Turns a configuration tree into objects, by reflection; messages say where each value came from.</summary>
internal static class ConfigurationBinder
{
    private static readonly MethodInfo MemberwiseCloneMethod =
        typeof(object).GetMethod("MemberwiseClone", BindingFlags.Instance | BindingFlags.NonPublic)!;

    public static object Bind(Type type, ConfigurationNode node) => BindValue(type, node, "", null, isNullable: false)!;

    /// <summary>The properties that a configuration may set, by key.</summary>
    public static IReadOnlyDictionary<string, PropertyInfo> Properties(Type type) => type
        .GetProperties(BindingFlags.Instance | BindingFlags.Public)
        .Where(property => property.CanRead && property.SetMethod is { IsPublic: true } && property.GetIndexParameters().Length == 0)
        .ToDictionary(property => SnakeCase.Of(property.Name));

    private static object? BindValue(Type type, ConfigurationNode node, string path, object? current, bool isNullable)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying) (type, isNullable) = (underlying, true);
        if (node is ScalarNode { IsNull: true } && !(type == typeof(string) && !isNullable))
        {
            if (isNullable) return null;
            if (!IsScalar(type) && node is ScalarNode { Text: "" }) return current ?? Create(type, new MappingNode(node.Origin), path);
        }

        if (ConfigurationScalars.Parser(type) is { } parse)
        {
            if (node is not ScalarNode scalar) throw Error(node, path, $"expected {ConfigurationScalars.Expected(type)}, got {node.Description}");
            try
            {
                return parse(scalar.Text);
            }
            catch (FormatException failure)
            {
                throw Error(node, path, $"expected {ConfigurationScalars.Expected(type)}, got {node.Description}{failure.Message}");
            }
        }

        if (ElementOf(type) is { } element) return BindList(type, element, node, path);
        if (ValueOf(type) is { } valueType) return BindDictionary(valueType, node, path, current);
        if (node is not MappingNode mapping) throw Error(node, path, $"expected key: value pairs, got {node.Description}");
        return BindObject(type, mapping, path, current);
    }

    private static object BindObject(Type type, MappingNode mapping, string path, object? current)
    {
        // A default may be shared (a static preset): what is changed is a copy of it.
        object target = current is null ? Create(type, mapping, path) : MemberwiseCloneMethod.Invoke(current, null)!;
        var properties = Properties(target.GetType());
        var nullability = new NullabilityInfoContext();
        foreach (var (key, origin, value) in mapping.Entries)
        {
            if (!properties.TryGetValue(key, out var property)) throw Unknown(key, origin, path, properties.Keys);
            string inner = Join(path, key);
            bool isNullable = nullability.Create(property).WriteState == NullabilityState.Nullable;
            object? bound = BindValue(property.PropertyType, value, inner, property.GetValue(target), isNullable);
            Validate(property, bound, value, inner);
            property.SetValue(target, bound);
        }

        return target;
    }

    /// <summary>A new object with its defaults; of a record without a parameterless constructor, with the constructor's values from the tree.</summary>
    private static object Create(Type type, MappingNode mapping, string path)
    {
        if (type.GetConstructor(Type.EmptyTypes) is not null || type.IsValueType) return Activator.CreateInstance(type)!;
        var constructor = type.GetConstructors().OrderByDescending(candidate => candidate.GetParameters().Length).FirstOrDefault()
            ?? throw new InvalidOperationException($"{type} has no public constructor and cannot be configured.");
        var arguments = constructor.GetParameters().Select(parameter =>
        {
            string key = SnakeCase.Of(parameter.Name!);
            if (mapping.Find(key) is { } given) return BindValue(parameter.ParameterType, given, Join(path, key), null, isNullable: true);
            if (parameter.HasDefaultValue) return parameter.DefaultValue;
            throw Error(mapping, path, $"'{key}' is missing");
        });
        return constructor.Invoke(arguments.ToArray());
    }

    private static IList BindList(Type type, Type element, ConfigurationNode node, string path)
    {
        if (node is not SequenceNode sequence) throw Error(node, path, $"expected a list, got {node.Description}");
        Array items = Array.CreateInstance(element, sequence.Items.Count);
        for (int i = 0; i < items.Length; i++)
            items.SetValue(BindValue(element, sequence.Items[i], $"{path}[{i}]", null, isNullable: false), i);
        return type.IsAssignableFrom(items.GetType()) ? items : (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(element), items)!;
    }

    private static IDictionary BindDictionary(Type valueType, ConfigurationNode node, string path, object? current)
    {
        if (node is not MappingNode mapping) throw Error(node, path, $"expected key: value pairs, got {node.Description}");
        var result = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(string), valueType))!;
        if (current is IEnumerable defaults)
        {
            foreach (object entry in defaults)
            {
                var pair = entry.GetType();
                result[pair.GetProperty("Key")!.GetValue(entry)!] = pair.GetProperty("Value")!.GetValue(entry);
            }
        }

        foreach (var (key, _, value) in mapping.Entries)
            result[key] = BindValue(valueType, value, Join(path, key), result.Contains(key) ? result[key] : null, isNullable: false);
        return result;
    }

    private static void Validate(PropertyInfo property, object? value, ConfigurationNode node, string path)
    {
        foreach (var rule in property.GetCustomAttributes<ValidationAttribute>())
        {
            if (rule.IsValid(value)) continue;
            string expected = rule is RangeAttribute range
                ? string.Create(CultureInfo.InvariantCulture, $"expected {range.Minimum} … {range.Maximum}")
                : rule.FormatErrorMessage(path).TrimEnd('.');
            throw Error(node, path, $"{expected}, got {node.Description}");
        }
    }

    /// <summary>The element type of arrays, lists and their read-only interfaces.</summary>
    public static Type? ElementOf(Type type)
    {
        if (type.IsArray && type.GetArrayRank() == 1) return type.GetElementType();
        if (!type.IsGenericType) return null;
        var definition = type.GetGenericTypeDefinition();
        return definition == typeof(List<>) || definition == typeof(IList<>) || definition == typeof(IReadOnlyList<>)
            || definition == typeof(IReadOnlyCollection<>) || definition == typeof(IEnumerable<>)
            ? type.GenericTypeArguments[0]
            : null;
    }

    /// <summary>The value type of dictionaries by string.</summary>
    public static Type? ValueOf(Type type)
    {
        if (!type.IsGenericType || type.GenericTypeArguments[0] != typeof(string)) return null;
        var definition = type.GetGenericTypeDefinition();
        return definition == typeof(Dictionary<,>) || definition == typeof(IDictionary<,>) || definition == typeof(IReadOnlyDictionary<,>)
            ? type.GenericTypeArguments[1]
            : null;
    }

    private static bool IsScalar(Type type) => ConfigurationScalars.Parser(type) is not null;

    private static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";

    private static ConfigurationException Unknown(string key, Origin origin, string path, IEnumerable<string> known)
    {
        string question = NearestName.Question(key, known);
        if (question.Length == 0) question = $" Known: {string.Join(", ", known.Order(StringComparer.Ordinal))}.";
        return new ConfigurationException($"{origin}: unknown key '{Join(path, key)}'.{question}");
    }

    private static ConfigurationException Error(ConfigurationNode node, string path, string message) =>
        new(path.Length == 0 ? $"{node.Origin}: {message}" : $"{node.Origin}: {path}: {message}");
}
