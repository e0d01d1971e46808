using System.Buffers.Binary;
using System.Text;

namespace Engine.Runtime.Datasets;

/// <summary>
/// A <c>tf.train.Example</c>: named lists of byte strings, floats or integers. Parsed by hand from protobuf's wire format; every length is held
/// against the bytes that are there.
/// </summary>
public sealed class TfExample
{
    private readonly Dictionary<string, object> _features = [];

    private TfExample()
    {
    }

    /// <summary>Names of the features.</summary>
    public IEnumerable<string> Names => _features.Keys;

    /// <summary>Parses a record.</summary>
    /// <exception cref="InvalidDataException">It is no valid message; the message begins with <paramref name="name"/>.</exception>
    public static TfExample Parse(ReadOnlyMemory<byte> record, string name)
    {
        var example = new TfExample();
        try
        {
            foreach (var (number, features) in Messages(record))
            {
                if (number != 1) continue;
                foreach (var (_, entry) in Messages(features)) example.Add(entry);
            }
        }
        catch (InvalidDataException error)
        {
            throw new InvalidDataException($"{name}: {error.Message}", error);
        }

        return example;
    }

    /// <summary>True where there is a feature of this name.</summary>
    public bool Has(string feature) => _features.ContainsKey(feature);

    /// <summary>A feature of byte strings.</summary>
    /// <exception cref="InvalidDataException">There is none of this name and kind.</exception>
    public IReadOnlyList<ReadOnlyMemory<byte>> Bytes(string feature) => Get<List<ReadOnlyMemory<byte>>>(feature, "byte strings");

    /// <summary>A feature of float32 numbers.</summary>
    /// <exception cref="InvalidDataException">There is none of this name and kind.</exception>
    public float[] Floats(string feature) => Get<float[]>(feature, "floats");

    /// <summary>A feature of integers (booleans are 0 and 1).</summary>
    /// <exception cref="InvalidDataException">There is none of this name and kind.</exception>
    public long[] Integers(string feature) => Get<long[]>(feature, "integers");

    private T Get<T>(string feature, string kind) => _features.TryGetValue(feature, out object? value)
        ? value is T list ? list : throw new InvalidDataException($"the feature '{feature}' holds no {kind}")
        : throw new InvalidDataException($"the feature '{feature}' is missing");

    private void Add(ReadOnlyMemory<byte> entry)
    {
        string? key = null;
        ReadOnlyMemory<byte> feature = default;
        foreach (var (number, value) in Messages(entry))
        {
            if (number == 1) key = Encoding.UTF8.GetString(value.Span);
            else if (number == 2) feature = value;
        }

        if (key is null) throw new InvalidDataException("a feature has no name");
        foreach (var (number, list) in Messages(feature))
        {
            _features[key] = number switch
            {
                1 => Messages(list).Where(m => m.Number == 1).Select(m => m.Value).ToList(),
                2 => ParseFloats(list.Span),
                3 => ParseIntegers(list.Span),
                _ => throw new InvalidDataException($"the feature '{key}' is of an unknown kind"),
            };
        }
    }

    /// <summary>The length-delimited fields of a message; others have no place in an Example and are skipped.</summary>
    private static List<(int Number, ReadOnlyMemory<byte> Value)> Messages(ReadOnlyMemory<byte> message)
    {
        var fields = new List<(int, ReadOnlyMemory<byte>)>();
        ReadOnlySpan<byte> span = message.Span;
        for (int at = 0; at < span.Length;)
        {
            ulong tag = Varint(span, ref at);
            if ((tag & 7) == 2)
            {
                int length = Length(span, ref at);
                fields.Add(((int)(tag >> 3), message.Slice(at, length)));
                at += length;
            }
            else
            {
                Skip(span, ref at, tag);
            }
        }

        return fields;
    }

    private static float[] ParseFloats(ReadOnlySpan<byte> list)
    {
        var values = new List<float>(list.Length / 4);
        for (int at = 0; at < list.Length;)
        {
            ulong tag = Varint(list, ref at);
            bool packed = tag == ((1 << 3) | 2);
            if (!packed && tag != ((1 << 3) | 5)) throw new InvalidDataException("a list of floats has a field of another kind");
            int length = packed ? Length(list, ref at) : 4;
            if (length % 4 != 0 || length > list.Length - at) throw new InvalidDataException("a list of floats is cut short");
            for (int end = at + length; at < end; at += 4) values.Add(BinaryPrimitives.ReadSingleLittleEndian(list[at..]));
        }

        return [.. values];
    }

    private static long[] ParseIntegers(ReadOnlySpan<byte> list)
    {
        var values = new List<long>();
        for (int at = 0; at < list.Length;)
        {
            ulong tag = Varint(list, ref at);
            if (tag == (1 << 3))
            {
                values.Add((long)Varint(list, ref at));
                continue;
            }

            if (tag != ((1 << 3) | 2)) throw new InvalidDataException("a list of integers has a field of another kind");
            int end = Length(list, ref at) + at;
            ReadOnlySpan<byte> packed = list[..end];
            while (at < end) values.Add((long)Varint(packed, ref at));
        }

        return [.. values];
    }

    private static ulong Varint(ReadOnlySpan<byte> span, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (at >= span.Length) throw new InvalidDataException("the message is cut short");
            byte b = span[at++];
            value |= (ulong)(b & 127) << shift;
            if (b < 128) return value;
        }

        throw new InvalidDataException("the message has a number of more than ten bytes");
    }

    private static int Length(ReadOnlySpan<byte> span, ref int at)
    {
        ulong length = Varint(span, ref at);
        return length <= (ulong)(span.Length - at) ? (int)length : throw new InvalidDataException($"a field claims {length} bytes, {span.Length - at} are left");
    }

    private static void Skip(ReadOnlySpan<byte> span, ref int at, ulong tag)
    {
        int width = (tag & 7) switch
        {
            0 => 0,
            1 => 8,
            5 => 4,
            _ => throw new InvalidDataException($"the message has a field of wire type {tag & 7}, which is not known"),
        };
        if (width == 0) Varint(span, ref at);
        else if (span.Length - at < width) throw new InvalidDataException("the message is cut short");
        else at += width;
    }
}
