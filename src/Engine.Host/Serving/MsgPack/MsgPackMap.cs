using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Engine.Host.Serving.MsgPack;

/// <summary>
/// A map in the order of its entries. Keys are strings; a <i>binary</i> key is kept with the prefix <see cref="BinaryPrefix"/>, so that it is another key than the string.
/// Values are null, bool, long, ulong (above the range of long), double, string, ReadOnlyMemory of bytes, object?[],
/// <see cref="MsgPackMap"/>, <see cref="NumpyArray"/> or <see cref="NumpyScalar"/>.
/// </summary>
public sealed class MsgPackMap : IEnumerable<KeyValuePair<string, object?>>
{
    /// <summary>Marks a binary key, whose bytes follow as Latin-1; no string key of a protocol here begins with it.</summary>
    public const char BinaryPrefix = '\uFDD0';

    private readonly Dictionary<string, object?> _entries = new(StringComparer.Ordinal);

    public int Count => _entries.Count;

    /// <summary>The value of a key.</summary>
    /// <exception cref="KeyNotFoundException">There is no such key; the message lists the keys.</exception>
    public object? this[string key]
    {
        get => _entries.TryGetValue(key, out object? value) ? value : throw new KeyNotFoundException($"there is no '{key}'; keys are {string.Join(", ", _entries.Keys)}.");
        set => _entries[key] = value;
    }

    /// <summary>Adds an entry (for collection initialisers).</summary>
    /// <exception cref="ArgumentException">The key is there already.</exception>
    public void Add(string key, object? value) => _entries.Add(key, value);

    public bool TryAdd(string key, object? value) => _entries.TryAdd(key, value);

    public bool ContainsKey(string key) => _entries.ContainsKey(key);

    /// <summary>Gets the value of a key where it is there and of the type.</summary>
    public bool TryGet<T>(string key, [NotNullWhen(true)] out T? value)
    {
        if (_entries.TryGetValue(key, out object? found) && found is T typed)
        {
            value = typed;
            return true;
        }

        value = default;
        return false;
    }

    /// <summary>A number of any kind (a plain one, a numpy scalar, an array of one element) as double, or null where the key is absent or holds something else.</summary>
    public double? Number(string key) => _entries.TryGetValue(key, out object? found) ? AsNumber(found) : null;

    public IEnumerator<KeyValuePair<string, object?>> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static double? AsNumber(object? value) => value switch
    {
        double number => number,
        long number => number,
        ulong number => number,
        NumpyScalar { Value: not bool } scalar => AsNumber(scalar.Value),
        NumpyArray { Count: 1, Dtype.IsNumeric: true } array => array.ToSingles()[0],
        _ => null,
    };
}
