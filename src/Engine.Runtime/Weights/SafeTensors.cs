using System.Buffers.Binary;
using System.Text.Json;

namespace Engine.Runtime.Weights;

/// <summary>
/// The safetensors format: u64 header length, JSON header, data. The reader accepts only files whose tensors tile the data without
/// holes or overlap, as the reference implementation does, and allocates nothing that the file's own length does not justify.
/// </summary>
public static class SafeTensors
{
    /// <summary>Reads all tensors.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is not valid; the message names it and says what is wrong.</exception>
    public static Dictionary<string, NamedArray> Read(string path) => Read(path, out _);

    /// <summary>Reads all tensors and the <c>__metadata__</c> map (empty where there is none).</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is not valid; the message names it and says what is wrong.</exception>
    public static Dictionary<string, NamedArray> Read(string path, out Dictionary<string, string> metadata)
    {
        using FileStream stream = File.OpenRead(path);
        SafeTensorsHeader header = SafeTensorsHeader.Read(stream, path);
        metadata = header.Metadata;
        var arrays = new Dictionary<string, NamedArray>();
        foreach (var tensor in header.Tensors)
        {
            byte[] data = GC.AllocateUninitializedArray<byte>(checked((int)(tensor.End - tensor.Begin)));
            stream.Position = header.DataStart + tensor.Begin;
            stream.ReadExactly(data);
            arrays.Add(tensor.Name, new NamedArray(tensor.Type, tensor.Shape, data));
        }

        return arrays;
    }

    /// <summary>Writes a file atomically: header padded to 8 bytes, tensors by falling element size, then by name.</summary>
    /// <exception cref="ArgumentException">A tensor is called <c>__metadata__</c>.</exception>
    public static void Write(
        string path, IReadOnlyDictionary<string, NamedArray> arrays, IReadOnlyDictionary<string, string>? metadata = null)
    {
        if (arrays.ContainsKey(SafeTensorsHeader.MetadataKey))
            throw new ArgumentException($"a tensor may not be called {SafeTensorsHeader.MetadataKey}", nameof(arrays));
        var ordered = arrays.OrderByDescending(p => p.Value.Type.Size()).ThenBy(p => p.Key, StringComparer.Ordinal).ToArray();
        byte[] header = BuildHeader(ordered, metadata);
        AtomicFile.Write(path, stream =>
        {
            Span<byte> length = stackalloc byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            stream.Write(length);
            stream.Write(header);
            foreach (var pair in ordered) stream.Write(pair.Value.Data);
        });
    }

    private static byte[] BuildHeader(KeyValuePair<string, NamedArray>[] arrays, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject(SafeTensorsHeader.MetadataKey);
                foreach ((string key, string value) in metadata.OrderBy(p => p.Key, StringComparer.Ordinal)) json.WriteString(key, value);
                json.WriteEndObject();
            }

            long at = 0;
            foreach ((string name, NamedArray array) in arrays)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", array.Type.SafeTensorsName());
                json.WriteStartArray("shape");
                foreach (long dimension in array.Shape) json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(at);
                json.WriteNumberValue(at += array.Data.LongLength);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }
}
