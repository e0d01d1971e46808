using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Engine.Runtime.Weights;

/// <summary>
/// Reads one pickle (protocols 2 to 5, PEP 307, 3154, 574) as data: it knows the opcodes that plain values and tensors need and the names of
/// <see cref="PickleGlobal"/>, or those that it is given, and refuses everything else. There is no recursion, and every length is held against
/// the bytes left.
/// </summary>
internal sealed class PickleMachine(Stream stream, long end, IReadOnlyDictionary<string, PickleGlobal>? names = null, long maxBytes = PickleMachine.MaxBytes)
{
    private const int MaxSteps = 8_000_000;
    private const int MaxObjects = 1_000_000;
    private const int MaxMessageObjects = 1 << 18;
    private const int MaxNumberBytes = 1024;
    private const long MaxBytes = 64 << 20;

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<long, object?> _memo = [];
    private readonly Dictionary<string, TorchStorage> _storages = [];
    private int _objects;
    private long _bytes;

    /// <summary>The storages that the pickle names, by key.</summary>
    public IReadOnlyDictionary<string, TorchStorage> Storages => _storages;

    /// <summary>Runs to the STOP and returns the object; the stream stands behind it.</summary>
    /// <exception cref="InvalidDataException">The pickle is broken, or asks for something that is not data.</exception>
    public object? Run()
    {
        for (int step = 0; step < MaxSteps; step++)
        {
            byte opcode = Byte();
            if (opcode == '.')
            {
                object? result = Pop();
                return _stack.Count == 0 && _marks.Count == 0 ? result : throw Broken("it ends with values left over");
            }

            Execute(opcode);
        }

        throw Broken($"it has more than {MaxSteps} steps");
    }

    private void Execute(byte opcode)
    {
        switch (opcode)
        {
            case 0x80:
                if (Byte() is var protocol and (< 2 or > 5)) throw Broken($"it has protocol {protocol}, known are 2 to 5");
                break;
            case 0x95:
                Number(8);
                break;
            case (byte)'(':
                Count();
                _marks.Add(_stack.Count);
                break;
            case (byte)'0':
                Pop();
                break;
            case (byte)'1':
                PopToMark();
                break;
            case (byte)'2':
                Push(Peek());
                break;
            case (byte)'N':
                Push(null);
                break;
            case 0x88:
                Push(true);
                break;
            case 0x89:
                Push(false);
                break;
            case (byte)'J':
                Push((long)(int)Number(4));
                break;
            case (byte)'K':
                Push((long)Byte());
                break;
            case (byte)'M':
                Push(Number(2));
                break;
            case 0x8a:
                Push(Integer(Byte()));
                break;
            case 0x8b:
                Push(Integer((int)Number(4)));
                break;
            case (byte)'G':
                Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8)));
                break;
            case (byte)'X':
                Push(Text(Number(4)));
                break;
            case 0x8c:
                Push(Text(Byte()));
                break;
            case 0x8d:
                Push(Text(Number(8)));
                break;
            case (byte)'B':
                Push(Take(Number(4)));
                break;
            case (byte)'C':
                Push(Take(Byte()));
                break;
            case 0x8e or 0x96:
                Push(Take(Number(8)));
                break;
            case (byte)'U':
                Push(Encoding.Latin1.GetString(Take(Byte())));
                break;
            case (byte)'T':
                Push(Encoding.Latin1.GetString(Take(Number(4))));
                break;
            case (byte)']' or 0x8f:
                Push(new List<object?>());
                break;
            case (byte)'a':
                object? item = Pop();
                Top<List<object?>>().Add(item);
                break;
            case (byte)'e' or 0x90:
                object?[] items = PopToMark();
                Top<List<object?>>().AddRange(items);
                break;
            case (byte)'l' or 0x91:
                Push(new List<object?>(PopToMark()));
                break;
            case (byte)')':
                Push(new PickleTuple([]));
                break;
            case (byte)'t':
                Push(new PickleTuple(PopToMark()));
                break;
            case 0x85 or 0x86 or 0x87:
                var tuple = new object?[opcode - 0x84];
                for (int i = tuple.Length - 1; i >= 0; i--) tuple[i] = Pop();
                Push(new PickleTuple(tuple));
                break;
            case (byte)'}':
                Push(new PickleDictionary());
                break;
            case (byte)'d':
                object?[] pairs = PopToMark();
                var dictionary = new PickleDictionary();
                SetItems(dictionary, pairs);
                Push(dictionary);
                break;
            case (byte)'s':
                object? value = Pop();
                object? key = Pop();
                Top<PickleDictionary>().Set(key, value);
                break;
            case (byte)'u':
                object?[] more = PopToMark();
                SetItems(Top<PickleDictionary>(), more);
                break;
            case (byte)'c':
                string module = Line();
                Push(Find(module, Line()));
                break;
            case 0x93:
                string name = Pop<string>();
                Push(Find(Pop<string>(), name));
                break;
            case (byte)'R':
                var arguments = Pop<PickleTuple>();
                if (Pop() is not PickleGlobal.Callable callable) throw Broken("it calls something that is no function");
                SpendOn(arguments);
                object? made = callable.Call(arguments.Items);
                if (made is byte[] bytes) Spend(bytes.LongLength);
                Push(made);
                break;
            case (byte)'b':
                object? state = Pop();
                if (Peek() is PickleBuilt built)
                {
                    SpendOn(state as PickleTuple);
                    built.SetState(state);
                    break;
                }

                // State beyond the items: PyTorch keeps the module versions of a state_dict in it, which nobody needs to load weights.
                Top<PickleDictionary>();
                if (state is not PickleDictionary) throw Broken("a value is of the wrong kind where a dictionary belongs");
                break;
            case 0x81:
                if (Pop<PickleTuple>().Items.Length != 0 || Pop() is not PickleGlobal.InstanceClass type) throw Broken("it makes an instance of something that it may not");
                Push(new PickleInstance(type.Name));
                break;
            case (byte)'Q':
                Push(Storage(Pop<PickleTuple>().Items));
                break;
            case (byte)'q':
                Remember(Byte());
                break;
            case (byte)'r':
                Remember(Number(4));
                break;
            case 0x94:
                Remember(_memo.Count);
                break;
            case (byte)'h':
                Recall(Byte());
                break;
            case (byte)'j':
                Recall(Number(4));
                break;
            default:
                throw Broken(opcode is > 32 and < 127
                    ? $"it has the opcode '{(char)opcode}', which plain tensors do not need"
                    : $"it has the opcode 0x{opcode:x2}, which plain tensors do not need");
        }
    }

    private PickleGlobal Find(string module, string name)
    {
        if (names is null) return PickleGlobal.Find(module, name);
        return names.GetValueOrDefault($"{module}.{name}") ?? throw new InvalidDataException(
            $"it refers to {PickleGlobal.Printable(module)}.{PickleGlobal.Printable(name)}, which such a message has no need of; it was refused and nothing was executed");
    }

    private static InvalidDataException Broken(string what) => new($"its pickle is not valid: {what}");

    private static void SetItems(PickleDictionary dictionary, object?[] pairs)
    {
        if (pairs.Length % 2 != 0) throw Broken("it has a key without a value");
        for (int i = 0; i < pairs.Length; i += 2) dictionary.Set(pairs[i], pairs[i + 1]);
    }

    private TorchStorage Storage(object?[] id)
    {
        if (id is not ["storage", PickleGlobal.StorageClass kind, string key, string, long elements, ..] || id.Length > 6)
            throw Broken("it names a storage in a form that is not known");
        if (id.Length == 6 && id[5] is not null) throw Broken("it has a storage that is a view of another one, which only very old files have");
        int size = (kind.Type ?? ElementType.UInt8).Size();
        if (elements < 0 || elements > Array.MaxLength / size) throw Broken($"a storage claims {elements} elements");
        var storage = new TorchStorage(key, kind.Type, elements);
        if (_storages.TryGetValue(key, out TorchStorage? known))
            return known == storage ? known : throw Broken($"it names the storage '{key}' twice with different types or sizes");
        _storages.Add(key, storage);
        return storage;
    }

    private void Push(object? value)
    {
        Count();
        _stack.Add(value);
    }

    private void Count()
    {
        int most = names is null ? MaxObjects : MaxMessageObjects;
        if (++_objects > most) throw Broken($"it makes more than {most} values");
    }

    /// <summary>Texts and byte strings together have a limit, as a few bytes of pickle can ask for the same long text again and again.</summary>
    private void Spend(long bytes)
    {
        if ((_bytes += bytes) > maxBytes) throw Broken($"its texts take more than {maxBytes} bytes");
    }

    /// <summary>What a call or an array's state does with bytes may take as long as they are.</summary>
    private void SpendOn(PickleTuple? values)
    {
        foreach (object? value in values?.Items ?? [])
        {
            if (value is byte[] bytes) Spend(bytes.LongLength);
        }
    }

    private object? Pop()
    {
        object? value = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private object? Peek() => _stack.Count > (_marks.Count > 0 ? _marks[^1] : 0) ? _stack[^1] : throw Broken("it takes a value from an empty stack");

    private T Pop<T>() => Pop() is T value ? value : throw Broken($"a value is of the wrong kind where a {Word<T>()} belongs");

    private T Top<T>() => Peek() is T value ? value : throw Broken($"a value is of the wrong kind where a {Word<T>()} belongs");

    private static string Word<T>() => typeof(T) == typeof(string) ? "text" : typeof(T) == typeof(PickleTuple) ? "tuple"
        : typeof(T) == typeof(PickleDictionary) ? "dictionary" : "list";

    private object?[] PopToMark()
    {
        if (_marks.Count == 0) throw Broken("it goes back to a mark that was never set");
        int start = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        object?[] values = [.. _stack[start..]];
        _stack.RemoveRange(start, _stack.Count - start);
        return values;
    }

    private void Remember(long place)
    {
        Count();
        _memo[place] = Peek();
    }

    private void Recall(long place) => Push(_memo.TryGetValue(place, out object? value) ? value : throw Broken($"it recalls the value {place}, which was never kept"));

    private byte Byte()
    {
        int value = stream.Position < end ? stream.ReadByte() : -1;
        return value >= 0 ? (byte)value : throw Broken("it ends too early");
    }

    private byte[] Take(long count)
    {
        if (count < 0 || count > end - stream.Position)
            throw Broken($"a value claims {(ulong)count} bytes, but {end - stream.Position} are left");
        Spend(count);
        byte[] bytes = new byte[count];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private long Number(int bytes)
    {
        Span<byte> buffer = stackalloc byte[8];
        buffer.Clear();
        for (int i = 0; i < bytes; i++) buffer[i] = Byte();
        return BinaryPrimitives.ReadInt64LittleEndian(buffer);
    }

    private object Integer(int bytes)
    {
        if (bytes is < 0 or > MaxNumberBytes) throw Broken($"a number claims {(uint)bytes} bytes");
        var value = new BigInteger(Take(bytes));
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
    }

    private string Text(long bytes)
    {
        byte[] text = Take(bytes);
        try
        {
            return StrictUtf8.GetString(text);
        }
        catch (DecoderFallbackException)
        {
            throw Broken("a text is not UTF-8");
        }
    }

    private string Line()
    {
        var line = new StringBuilder();
        for (byte b = Byte(); b != '\n'; b = Byte())
        {
            if (line.Length == 512) throw Broken("a name is longer than 512 characters");
            line.Append((char)b);
        }

        return line.ToString();
    }
}
