using System.Globalization;
using System.Text;

namespace Engine.Runtime.Weights;

/// <summary>
/// The closed list of names that a checkpoint's pickle may use; messages have one of their own (<see cref="PickleMessageReader"/>). Each stands for a fixed piece of code here; nothing is looked up
/// anywhere else, and nothing of the file is ever executed.
/// </summary>
internal abstract record PickleGlobal(string Name)
{
    private static readonly Dictionary<string, PickleGlobal> Known = BuildList();

    /// <summary>A storage class, <c>torch.FloatStorage</c> and its kin.</summary>
    public sealed record StorageClass(string Name, ElementType? Type) : PickleGlobal(Name);

    /// <summary>A dtype constant, <c>torch.float16</c> and its kin.</summary>
    public sealed record ElementConstant(string Name, ElementType Type) : PickleGlobal(Name);

    /// <summary>A function or class that may be called.</summary>
    public sealed record Callable(string Name, Func<object?[], object?> Call) : PickleGlobal(Name);

    /// <summary>A class whose instances a message may hold, as their fields.</summary>
    public sealed record InstanceClass(string Name) : PickleGlobal(Name);

    /// <summary>A class that is only ever handed to a function.</summary>
    public sealed record Marker(string Name) : PickleGlobal(Name);

    /// <summary>Resolves a name.</summary>
    /// <exception cref="InvalidDataException">It is not on the list.</exception>
    public static PickleGlobal Find(string module, string name) => Known.GetValueOrDefault($"{module}.{name}") ?? throw new InvalidDataException(
        $"it refers to {Printable(module)}.{Printable(name)}, which a file of tensors has no need of, so it was refused and nothing was executed; "
        + "save the state_dict as plain tensors, or as safetensors");

    private static Dictionary<string, PickleGlobal> BuildList()
    {
        PickleGlobal[] list =
        [
            new StorageClass("torch.FloatStorage", ElementType.Float32),
            new StorageClass("torch.DoubleStorage", ElementType.Float64),
            new StorageClass("torch.HalfStorage", ElementType.Float16),
            new StorageClass("torch.BFloat16Storage", ElementType.BFloat16),
            new StorageClass("torch.LongStorage", ElementType.Int64),
            new StorageClass("torch.IntStorage", ElementType.Int32),
            new StorageClass("torch.ShortStorage", ElementType.Int16),
            new StorageClass("torch.CharStorage", ElementType.Int8),
            new StorageClass("torch.ByteStorage", ElementType.UInt8),
            new StorageClass("torch.BoolStorage", ElementType.Bool),
            new StorageClass("torch.UntypedStorage", null),
            new StorageClass("torch.storage.UntypedStorage", null),
            new ElementConstant("torch.float32", ElementType.Float32),
            new ElementConstant("torch.float64", ElementType.Float64),
            new ElementConstant("torch.float16", ElementType.Float16),
            new ElementConstant("torch.bfloat16", ElementType.BFloat16),
            new ElementConstant("torch.int64", ElementType.Int64),
            new ElementConstant("torch.int32", ElementType.Int32),
            new ElementConstant("torch.int16", ElementType.Int16),
            new ElementConstant("torch.int8", ElementType.Int8),
            new ElementConstant("torch.uint8", ElementType.UInt8),
            new ElementConstant("torch.uint16", ElementType.UInt16),
            new ElementConstant("torch.uint32", ElementType.UInt32),
            new ElementConstant("torch.uint64", ElementType.UInt64),
            new ElementConstant("torch.bool", ElementType.Bool),
            new Callable("torch._utils._rebuild_tensor", TorchTensor.Rebuild),
            new Callable("torch._utils._rebuild_tensor_v2", TorchTensor.RebuildV2),
            new Callable("torch._utils._rebuild_tensor_v3", TorchTensor.RebuildV3),
            new Callable("torch._utils._rebuild_parameter", RebuildParameter),
            new Callable("torch.Size", Size),
            new Callable("torch.device", Device),
            new Callable("collections.OrderedDict", OrderedDictionary),
            new Callable("_codecs.encode", Encode),
            new Callable("builtins.set", Set),
            new Callable("__builtin__.set", Set),
        ];
        return list.ToDictionary(g => g.Name);
    }

    /// <summary>A parameter is its tensor.</summary>
    private static object? RebuildParameter(object?[] arguments) => arguments is [TorchTensor tensor, bool, _]
        ? tensor
        : throw Misused("torch._utils._rebuild_parameter");

    private static object? Size(object?[] arguments) => arguments is [PickleTuple { Items.Length: <= 32 } tuple] && Array.TrueForAll(tuple.Items, i => i is long)
        ? Array.ConvertAll(tuple.Items, i => (long)i!)
        : throw Misused("torch.Size");

    private static object? Device(object?[] arguments) => arguments switch
    {
        [string name] => name,
        [string name, long index] => string.Create(CultureInfo.InvariantCulture, $"{name}:{index}"),
        _ => throw Misused("torch.device"),
    };

    /// <summary>Items follow the call one by one; a call that brings them along is Python 2's.</summary>
    private static object? OrderedDictionary(object?[] arguments) =>
        arguments.Length == 0 ? new PickleDictionary() : throw Misused("collections.OrderedDict");

    /// <summary>How protocol 2 writes bytes: as text of code points 0 to 255.</summary>
    private static object? Encode(object?[] arguments)
    {
        if (arguments is not [string text, "latin1"]) throw Misused("_codecs.encode");
        foreach (char c in text)
        {
            if (c > 255) throw Misused("_codecs.encode");
        }

        return Encoding.Latin1.GetBytes(text);
    }

    private static object? Set(object?[] arguments) => arguments switch
    {
        [] => new List<object?>(),
        [List<object?> list] => list,
        _ => throw Misused("set"),
    };

    private static InvalidDataException Misused(string name) => new($"its pickle calls {name} with arguments that do not belong to it");

    internal static string Printable(string text)
    {
        string shown = text.Length > 80 ? text[..80] + "…" : text;
        return string.Concat(shown.Select(c => char.IsControl(c) ? '?' : c));
    }
}
