using System.Globalization;
using System.IO.Compression;
using System.Numerics;
using System.Text;

namespace Engine.Runtime.Weights;

/// <summary>
/// A PyTorch checkpoint (<c>torch.save</c>, the zip format and the one before it), read without Python and without executing anything:
/// only tensors and plain values are understood, and anything else is refused by name.
/// </summary>
public sealed class TorchCheckpoint
{
    private const int MaxDepth = 64;
    private const int MaxPaths = 1_000_000;
    private const long MaxPathCharacters = 64 << 20;
    private const long MaxPickle = 32 << 20;

    /// <summary>Magic number that begins the format before the zip one.</summary>
    private static readonly BigInteger LegacyMagic = BigInteger.Parse("119547037146038801333356", CultureInfo.InvariantCulture);

    private readonly Dictionary<string, NamedArray> _tensors = [];
    private readonly Dictionary<string, object?> _values = [];

    private TorchCheckpoint()
    {
    }

    /// <summary>Every tensor by its path, levels joined with <c>/</c>: <c>model/blocks.0.attn.qkv_proj.weight</c>. Views are copied out.</summary>
    public IReadOnlyDictionary<string, NamedArray> Tensors => _tensors;

    /// <summary>
    /// Every plain value by its path: null, bool, long, BigInteger, double, string (also devices), byte[], long[] (sizes),
    /// <see cref="ElementType"/> (dtypes).
    /// </summary>
    public IReadOnlyDictionary<string, object?> Values => _values;

    /// <summary>Reads a checkpoint.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">
    /// The file is broken, or its pickle asks for something that is not data; the message names the file and says what.
    /// </exception>
    public static TorchCheckpoint Read(string path)
    {
        using FileStream stream = File.OpenRead(path);
        try
        {
            Span<byte> start = stackalloc byte[4];
            int count = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            stream.Position = 0;
            return count == 4 && start.SequenceEqual("PK\u0003\u0004"u8) ? ReadZip(stream) : ReadLegacy(stream);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{path}: {error.Message}", error);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            throw new InvalidDataException($"{path}: the file is corrupt or cut short ({error.Message})", error);
        }
    }

    private static TorchCheckpoint ReadZip(FileStream stream)
    {
        using var archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
        var entries = new Dictionary<string, ZipArchiveEntry>();
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            if (!entries.TryAdd(entry.FullName, entry)) throw new InvalidDataException($"the record '{entry.FullName}' stands in it twice");
        }

        string[] pickles = [.. entries.Keys.Where(n => n.EndsWith("/data.pkl", StringComparison.Ordinal) && n.IndexOf('/') == n.Length - 9)];
        if (pickles.Length != 1) throw new InvalidDataException("it is a zip archive but no checkpoint: it has no record <name>/data.pkl, or several");
        string prefix = pickles[0][..^8];
        if (entries.TryGetValue(prefix + "byteorder", out ZipArchiveEntry? order)
            && Encoding.ASCII.GetString(ReadRecord(order, 16, stream.Length)) is var word && word != "little")
        {
            throw new InvalidDataException($"its byte order is '{word}', only 'little' can be read");
        }

        using var pickle = new MemoryStream(ReadRecord(entries[pickles[0]], MaxPickle, stream.Length));
        var machine = new PickleMachine(pickle, pickle.Length);
        object? root = machine.Run();
        var storages = new Dictionary<string, byte[]>();
        long total = 0;
        foreach (TorchStorage storage in machine.Storages.Values)
        {
            if (!entries.TryGetValue($"{prefix}data/{storage.Key}", out ZipArchiveEntry? record))
                throw new InvalidDataException($"the record of the storage '{storage.Key}' is missing");
            if ((total += record.Length) > stream.Length) throw new InvalidDataException("its records claim more bytes than the file has");
            byte[] bytes = ReadRecord(record, Array.MaxLength, stream.Length);
            if (bytes.LongLength < storage.Bytes)
                throw new InvalidDataException($"the storage '{storage.Key}' should have {storage.Bytes} bytes, but its record has {bytes.LongLength}");
            storages.Add(storage.Key, bytes);
        }

        return Build(root, storages, stream.Length);
    }

    /// <summary>The storage that <c>torch.storage._load_from_bytes</c> would load, with its bytes: the format before the zip one, with nothing but a storage in it.</summary>
    /// <exception cref="InvalidDataException">It is something else.</exception>
    internal static TorchStorage ReadStorage(byte[] bytes)
    {
        using var stream = new MemoryStream(bytes, writable: false);
        var (root, storages) = LegacyContents(stream);
        return root is TorchStorage storage && storages.TryGetValue(storage.Key, out byte[]? data)
            ? storage with { Data = data }
            : throw new InvalidDataException("the bytes of a tensor hold no storage");
    }

    private static TorchCheckpoint ReadLegacy(FileStream stream)
    {
        var (root, storages) = LegacyContents(stream);
        return Build(root, storages, stream.Length);
    }

    private static (object? Root, Dictionary<string, byte[]> Storages) LegacyContents(Stream stream)
    {
        if (stream.ReadByte() != 0x80) throw new InvalidDataException("it is no PyTorch checkpoint (neither a zip archive nor a pickle)");
        stream.Position = 0;
        object? Next() => new PickleMachine(stream, stream.Length).Run();
        if (Next() is not BigInteger magic || magic != LegacyMagic)
            throw new InvalidDataException("it is a pickle, but no PyTorch checkpoint (the magic number is missing)");
        if (Next() is not 1001L) throw new InvalidDataException("its protocol is not 1001, the only one known");
        if (Next() is not PickleDictionary system || system.Get("little_endian") is not true)
            throw new InvalidDataException("it was not written on a little-endian machine, or does not say so");

        var machine = new PickleMachine(stream, stream.Length);
        object? root = machine.Run();
        if (Next() is not List<object?> keys) throw new InvalidDataException("its list of storages is missing");
        var storages = new Dictionary<string, byte[]>();
        byte[] prefix = new byte[8];
        foreach (object? key in keys)
        {
            if (key is not string name || !machine.Storages.TryGetValue(name, out TorchStorage? storage))
                throw new InvalidDataException($"its list of storages names '{key}', which no tensor uses");
            stream.ReadExactly(prefix);
            if (BitConverter.ToInt64(prefix) != storage.Elements) throw new InvalidDataException($"the storage '{name}' has another size than its tensors say");
            if (storage.Bytes > stream.Length - stream.Position) throw new InvalidDataException($"the file ends inside the storage '{name}'");
            byte[] bytes = GC.AllocateUninitializedArray<byte>((int)storage.Bytes);
            stream.ReadExactly(bytes);
            if (!storages.TryAdd(name, bytes)) throw new InvalidDataException($"its list of storages names '{name}' twice");
        }

        return (root, storages);
    }

    /// <summary>PyTorch stores records without compression, so a record cannot be larger than the file.</summary>
    private static byte[] ReadRecord(ZipArchiveEntry entry, long most, long fileLength)
    {
        if (entry.Length != entry.CompressedLength) throw new InvalidDataException($"the record '{entry.FullName}' is compressed, which PyTorch never does");
        if (entry.Length > most || entry.Length > fileLength)
            throw new InvalidDataException($"the record '{entry.FullName}' claims {entry.Length} bytes");
        byte[] bytes = GC.AllocateUninitializedArray<byte>((int)entry.Length);
        using Stream record = entry.Open();
        record.ReadExactly(bytes);
        if (Crc32.Append(0, bytes) != entry.Crc32)
            throw new InvalidDataException($"the checksum of the record '{entry.FullName}' does not fit, the file is corrupt");
        return bytes;
    }

    private static TorchCheckpoint Build(object? root, Dictionary<string, byte[]> storages, long fileLength)
    {
        // Views may share a storage or repeat its elements, but a file of tensors does not grow without bound when they are copied out.
        long budget = 8 * fileLength + (16 << 20), characters = 0;
        var result = new TorchCheckpoint();
        var copies = new Dictionary<TorchTensor, NamedArray>();
        var pending = new Stack<(string Path, object? Value, int Depth)>();
        pending.Push(("", root, 0));
        for (int paths = 0; pending.TryPop(out var at); paths++)
        {
            if (paths == MaxPaths) throw new InvalidDataException($"it holds more than {MaxPaths} values");
            if (at.Depth > MaxDepth) throw new InvalidDataException($"its values are nested more than {MaxDepth} deep");
            switch (at.Value)
            {
                case PickleDictionary dictionary:
                    foreach ((object key, object? value) in dictionary.Items.Reverse()) Descend(key, value);
                    break;
                case List<object?> list:
                    for (int i = list.Count - 1; i >= 0; i--) Descend(i, list[i]);
                    break;
                case PickleTuple tuple:
                    for (int i = tuple.Items.Length - 1; i >= 0; i--) Descend(i, tuple.Items[i]);
                    break;
                case TorchTensor tensor:
                    if (!copies.TryGetValue(tensor, out NamedArray? array))
                    {
                        if (tensor.Bytes > budget)
                            throw new InvalidDataException($"the tensor '{at.Path}' of shape [{string.Join(", ", tensor.Shape)}] is far larger than the file");
                        budget -= tensor.Bytes;
                        if (!storages.TryGetValue(tensor.Storage.Key, out byte[]? bytes))
                            throw new InvalidDataException($"the storage of the tensor '{at.Path}' is missing");
                        copies.Add(tensor, array = tensor.Copy(bytes));
                    }

                    if (!result._tensors.TryAdd(at.Path, array)) throw new InvalidDataException($"two tensors have the path '{at.Path}'");
                    break;
                case TorchStorage or PickleGlobal.Callable or PickleGlobal.StorageClass:
                    throw new InvalidDataException($"the value '{at.Path}' is neither a tensor nor a plain value");
                case PickleGlobal.ElementConstant constant:
                    result._values[at.Path] = constant.Type;
                    break;
                default:
                    result._values[at.Path] = at.Value;
                    break;
            }

            void Descend(object key, object? value)
            {
                string name = Convert.ToString(key, CultureInfo.InvariantCulture)!;
                if ((characters += at.Path.Length + name.Length) > MaxPathCharacters) throw new InvalidDataException("the paths of its values are too long");
                if (pending.Count > MaxPaths) throw new InvalidDataException($"it holds more than {MaxPaths} values");
                pending.Push((at.Depth == 0 ? name : $"{at.Path}/{name}", value, at.Depth + 1));
            }
        }

        return result;
    }
}
