namespace Engine.Runtime.Weights;

/// <summary>A Python tuple; lists are <see cref="List{T}"/> of object, dictionaries <see cref="PickleDictionary"/>.</summary>
internal sealed class PickleTuple(object?[] items)
{
    public object?[] Items { get; } = items;
}

/// <summary>A Python dictionary in insertion order; keys are <see cref="string"/> or <see cref="long"/>.</summary>
internal sealed class PickleDictionary
{
    private readonly Dictionary<object, object?> _items = [];

    public IEnumerable<KeyValuePair<object, object?>> Items => _items;

    public void Set(object? key, object? value)
    {
        if (key is not (string or long)) throw new InvalidDataException($"a dictionary has a key that is neither text nor a whole number ({key ?? "None"})");
        _items[key] = value;
    }

    public object? Get(string key) => _items.GetValueOrDefault(key);
}

/// <summary>A storage that a checkpoint's pickle names; its bytes stand elsewhere in the file. No type means a storage of bytes.</summary>
internal sealed record TorchStorage(string Key, ElementType? Type, long Elements)
{
    /// <summary>Bytes that the storage takes.</summary>
    public long Bytes => Elements * (Type ?? ElementType.UInt8).Size();
}
