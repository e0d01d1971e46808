using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Engine.Runtime.Weights;

/// <summary>The checked header of a safetensors file: tensors in data order, tiling the data exactly.</summary>
internal sealed class SafeTensorsHeader
{
    public const string MetadataKey = "__metadata__";

    /// <summary>The reference implementation's limit.</summary>
    private const long MaxHeader = 100_000_000;

    /// <summary>One tensor; offsets count from the end of the header.</summary>
    public readonly record struct Tensor(string Name, ElementType Type, long[] Shape, long Begin, long End);

    private SafeTensorsHeader(List<Tensor> tensors, Dictionary<string, string> metadata, long dataStart)
    {
        Tensors = tensors;
        Metadata = metadata;
        DataStart = dataStart;
    }

    public List<Tensor> Tensors { get; }

    public Dictionary<string, string> Metadata { get; }

    public long DataStart { get; }

    /// <summary>Reads and checks the header; the stream's length bounds everything.</summary>
    public static SafeTensorsHeader Read(Stream stream, string path)
    {
        if (stream.Length < 8) throw Invalid(path, $"{stream.Length} bytes are too few for a safetensors file");
        Span<byte> prefix = stackalloc byte[8];
        stream.ReadExactly(prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaxHeader || (long)length > stream.Length - 8)
            throw Invalid(path, $"its header claims {length} bytes, but the file holds {stream.Length - 8} after the length");
        byte[] json = new byte[length];
        stream.ReadExactly(json);
        if (json.Length < 2 || json[0] != '{') throw Invalid(path, "its header does not begin with {");

        var tensors = new List<Tensor>();
        var metadata = new Dictionary<string, string>();
        try
        {
            Parse(json, path, tensors, metadata);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            throw new InvalidDataException($"{path}: its header is no valid JSON of tensors ({error.Message})", error);
        }

        tensors.Sort((a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long at = 0;
        foreach (Tensor tensor in tensors)
        {
            if (tensor.Begin > at) throw Invalid(path, $"a hole lies before the tensor '{tensor.Name}' ({at} to {tensor.Begin})");
            if (tensor.Begin < at) throw Invalid(path, $"the tensor '{tensor.Name}' overlaps the one before it");
            at = tensor.End;
        }

        long dataStart = 8 + (long)length;
        if (at != stream.Length - dataStart)
            throw Invalid(path, $"its tensors take {at} bytes, but {stream.Length - dataStart} follow the header");
        return new SafeTensorsHeader(tensors, metadata, dataStart);
    }

    private static void Parse(byte[] json, string path, List<Tensor> tensors, Dictionary<string, string> metadata)
    {
        var names = new HashSet<string>();
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            if (!names.Add(name)) throw Invalid(path, $"its header names '{name}' twice");
            reader.Read();
            if (name == MetadataKey) ReadMetadata(ref reader, path, metadata);
            else tensors.Add(ReadTensor(ref reader, path, name));
        }

        while (reader.Read())
        {
        }
    }

    private static void ReadMetadata(ref Utf8JsonReader reader, string path, Dictionary<string, string> metadata)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Invalid(path, "its metadata is no object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String) throw Invalid(path, $"its metadata '{key}' is no string");
            if (!metadata.TryAdd(key, reader.GetString()!)) throw Invalid(path, $"its metadata names '{key}' twice");
        }
    }

    private static Tensor ReadTensor(ref Utf8JsonReader reader, string path, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Invalid(path, $"the entry '{name}' is no object");
        string? typeName = null;
        List<long>? shape = null, offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            switch (key)
            {
                case "dtype" when typeName is null && reader.TokenType == JsonTokenType.String:
                    typeName = reader.GetString();
                    break;
                case "shape" when shape is null:
                    shape = ReadWholeNumbers(ref reader, path, name, key);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadWholeNumbers(ref reader, path, name, key);
                    break;
                default:
                    throw Invalid(path, $"the tensor '{name}' has an unexpected or repeated field '{key}'");
            }
        }

        if (typeName is null || shape is null || offsets is null)
            throw Invalid(path, $"the tensor '{name}' lacks dtype, shape or data_offsets");
        if (!ElementTypes.TryFromSafeTensors(typeName, out var type))
            throw Invalid(path, $"the tensor '{name}' has the element type '{typeName}', which is not known");
        if (offsets.Count != 2 || offsets[1] < offsets[0])
            throw Invalid(path, $"the tensor '{name}' has data_offsets [{string.Join(", ", offsets)}], which are no begin and end");
        long[] dimensions = [.. shape];
        if (!NamedArray.TryByteCount(type, dimensions, out long bytes))
            throw Invalid(path, $"the tensor '{name}' has the shape [{string.Join(", ", dimensions)}], larger than one array may be (2 GiB)");
        if (bytes != offsets[1] - offsets[0])
        {
            throw Invalid(path, $"the tensor '{name}' of {typeName} [{string.Join(", ", dimensions)}] needs {bytes} bytes, "
                + $"but its data_offsets span {offsets[1] - offsets[0]}");
        }

        return new Tensor(name, type, dimensions, offsets[0], offsets[1]);
    }

    private static List<long> ReadWholeNumbers(ref Utf8JsonReader reader, string path, string name, string key)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw Invalid(path, $"{key} of the tensor '{name}' is no array");
        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long number) || number < 0)
                throw Invalid(path, $"{key} of the tensor '{name}' holds something that is no whole number of 0 or more");
            if (numbers.Count == 64) throw Invalid(path, $"{key} of the tensor '{name}' has more than 64 numbers");
            numbers.Add(number);
        }

        return numbers;
    }

    private static InvalidDataException Invalid(string path, string what) => new($"{path}: {what}");
}
