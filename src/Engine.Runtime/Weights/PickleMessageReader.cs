using System.Globalization;
using System.Runtime.InteropServices;

namespace Engine.Runtime.Weights;

/// <summary>
/// Reads pickled messages (protocols 2 to 5) as data: plain values, numpy arrays and scalars, torch tensors, and instances of the classes that it is
/// told. Everything else is refused by name; nothing is imported, called or executed.
/// </summary>
public sealed class PickleMessageReader
{
    private const int MaxDepth = 32, MaxValues = 1 << 17;

    private readonly Dictionary<string, PickleGlobal> _names = [];

    /// <param name="classes">Classes that a message may have instances of, with their modules.</param>
    public PickleMessageReader(params IEnumerable<string> classes)
    {
        foreach (string name in classes) _names.Add(name, new PickleGlobal.InstanceClass(name));
        foreach (string name in new[] { "torch._utils._rebuild_tensor_v2", "collections.OrderedDict", "_codecs.encode" })
        {
            int dot = name.LastIndexOf('.');
            _names.Add(name, PickleGlobal.Find(name[..dot], name[(dot + 1)..]));
        }

        Add("torch.storage._load_from_bytes", arguments => arguments is [byte[] bytes] ? TorchCheckpoint.ReadStorage(bytes) : throw PickleDtype.Misused("_load_from_bytes"));
        Add("numpy.dtype", PickleDtype.Make);
        _names.Add("numpy.ndarray", new PickleGlobal.Marker("numpy.ndarray"));
        foreach (string core in new[] { "numpy.core", "numpy._core" })
        {
            Add($"{core}.multiarray._reconstruct", PickleArray.Reconstruct);
            Add($"{core}.multiarray.scalar", PickleArray.Scalar);
            Add($"{core}.numeric._frombuffer", PickleArray.FromBuffer);
        }
    }

    /// <summary>
    /// Reads one message. Values are null, bool, long, double, string, byte[], object?[] (lists, tuples, sets), dictionaries from string to value,
    /// <see cref="NamedArray"/> (arrays and tensors; numpy scalars have rank 0) and <see cref="PickledObject"/>.
    /// </summary>
    /// <exception cref="InvalidDataException">The message is broken, has bytes after its end, or holds something that is not on the list.</exception>
    public object? Read(ReadOnlyMemory<byte> message)
    {
        using var stream = MemoryMarshal.TryGetArray(message, out var bytes)
            ? new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false)
            : new MemoryStream(message.ToArray(), writable: false);
        try
        {
            // Bytes are taken once, go through a call once and into an array once.
            var machine = new PickleMachine(stream, message.Length, _names, 3L * message.Length + (64 << 10));
            object? root = machine.Run();
            if (stream.Position != message.Length) throw new InvalidDataException($"{message.Length - stream.Position} bytes follow the pickle's end");
            return new Conversion(4L * message.Length + (64 << 10)).Value(root, 0);
        }
        catch (Exception error) when (error is not (InvalidDataException or OutOfMemoryException))
        {
            throw new InvalidDataException($"the pickle is corrupt ({error.Message})", error);
        }
    }

    private void Add(string name, Func<object?[], object?> call) => _names.Add(name, new PickleGlobal.Callable(name, call));

    /// <summary>From the machine's values to the caller's, within bounds: values may share others or hold themselves.</summary>
    private sealed class Conversion(long budget)
    {
        private readonly Dictionary<TorchTensor, NamedArray> _copies = [];
        private int _values;

        internal object? Value(object? value, int depth)
        {
            if (depth > MaxDepth) throw new InvalidDataException($"its values are nested more than {MaxDepth} deep");
            if (++_values > MaxValues) throw new InvalidDataException($"it holds more than {MaxValues} values");
            return value switch
            {
                null or bool or long or double or string or byte[] or NamedArray => value,
                PickleArray array => array.Value,
                TorchTensor tensor => Copy(tensor),
                List<object?> list => list.ConvertAll(v => Value(v, depth + 1)).ToArray(),
                PickleTuple tuple => Array.ConvertAll(tuple.Items, v => Value(v, depth + 1)),
                PickleDictionary dictionary => Entries(dictionary, depth),
                PickleInstance instance => new PickledObject(instance.Class, Entries(instance.Fields, depth)),
                _ => throw new InvalidDataException("it holds a value that is no plain one"),
            };
        }

        private Dictionary<string, object?> Entries(PickleDictionary dictionary, int depth)
        {
            var entries = new Dictionary<string, object?>(StringComparer.Ordinal);
            foreach (var (key, value) in dictionary.Items) entries[Convert.ToString(key, CultureInfo.InvariantCulture)!] = Value(value, depth + 1);
            return entries;
        }

        private NamedArray Copy(TorchTensor tensor)
        {
            if (_copies.TryGetValue(tensor, out var copy)) return copy;
            if (tensor.Storage.Data is not { } data) throw new InvalidDataException("it holds a tensor without its data");
            if ((budget -= tensor.Bytes) < 0) throw new InvalidDataException($"its tensor of shape [{string.Join(", ", tensor.Shape)}] is far larger than the message");
            return _copies[tensor] = tensor.Copy(data);
        }
    }
}
