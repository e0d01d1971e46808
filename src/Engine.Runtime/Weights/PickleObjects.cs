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

/// <summary>A value that is made first and gets its state afterwards (the opcode BUILD).</summary>
internal abstract class PickleBuilt
{
    /// <exception cref="InvalidDataException">The state does not belong to such a value.</exception>
    public abstract void SetState(object? state);
}

/// <summary>An instance of a class on a message's list; its state is the dictionary of its fields.</summary>
internal sealed class PickleInstance(string name) : PickleBuilt
{
    public string Class { get; } = name;

    public PickleDictionary Fields { get; private set; } = new();

    public override void SetState(object? state) =>
        Fields = state as PickleDictionary ?? throw new InvalidDataException($"its instance of {Class} has a state that is no dictionary of fields");
}

/// <summary>A storage that a checkpoint's pickle names; its bytes stand elsewhere in the file. No type means a storage of bytes.</summary>
internal sealed record TorchStorage(string Key, ElementType? Type, long Elements)
{
    /// <summary>The bytes, where the storage came with them (in a message).</summary>
    public byte[]? Data { get; init; }

    /// <summary>Bytes that the storage takes.</summary>
    public long Bytes => Elements * (Type ?? ElementType.UInt8).Size();
}
