using System.Buffers.Binary;
using System.Text;

namespace Engine.Host.Serving.MsgPack;

/// <summary>
/// Reads msgpack with openpi's arrays (msgpack_numpy): a map with the binary keys <c>__ndarray__</c>, <c>data</c>, <c>dtype</c>, <c>shape</c>
/// is an array, one with <c>__npgeneric__</c>, <c>data</c>, <c>dtype</c> a scalar. Arrays stand over the message, without a copy.
/// Extension types are refused, and so are map keys other than text and bytes.
/// </summary>
public ref struct MsgPackReader
{
    private const string ArrayKey = "__ndarray__", ScalarKey = "__npgeneric__", DataKey = "data", DtypeKey = "dtype", ShapeKey = "shape";

    private static readonly UTF8Encoding s_utf8 = new(false, true);

    private readonly ReadOnlyMemory<byte> _memory;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly MsgPackLimits _limits;
    private int _at;
    private int _values;

    private MsgPackReader(ReadOnlyMemory<byte> message, MsgPackLimits limits)
    {
        _memory = message;
        _bytes = message.Span;
        _limits = limits;
    }

    private readonly int Left => _bytes.Length - _at;

    /// <summary>Reads a message that is one value; see <see cref="MsgPackMap"/> for the types.</summary>
    /// <exception cref="MsgPackException">It is malformed, exceeds a limit, or has bytes after the value.</exception>
    public static object? Read(ReadOnlyMemory<byte> message, MsgPackLimits? limits = null)
    {
        if (message.IsEmpty) throw new MsgPackException("the message is empty");
        var reader = new MsgPackReader(message, limits ?? MsgPackLimits.Default);
        object? value = reader.Value(0);
        if (reader.Left > 0) throw new MsgPackException($"{reader.Left} bytes follow the value, which ends at byte {reader._at}");
        return value;
    }

    private object? Value(int depth)
    {
        if (++_values > _limits.Values) throw new MsgPackException($"the message has more than {_limits.Values} values");
        byte code = Take(1)[0];
        switch (code)
        {
            case < 0x80: return (long)code;
            case < 0x90: return Map(code & 0x0F, depth);
            case < 0xA0: return Array(code & 0x0F, depth);
            case < 0xC0: return Text(code & 0x1F);
            case 0xC0: return null;
            case 0xC2: return false;
            case 0xC3: return true;
            case 0xC4: return Binary(Take(1)[0]);
            case 0xC5: return Binary(BinaryPrimitives.ReadUInt16BigEndian(Take(2)));
            case 0xC6: return Binary(BinaryPrimitives.ReadUInt32BigEndian(Take(4)));
            case 0xCA: return (double)BinaryPrimitives.ReadSingleBigEndian(Take(4));
            case 0xCB: return BinaryPrimitives.ReadDoubleBigEndian(Take(8));
            case 0xCC: return (long)Take(1)[0];
            case 0xCD: return (long)BinaryPrimitives.ReadUInt16BigEndian(Take(2));
            case 0xCE: return (long)BinaryPrimitives.ReadUInt32BigEndian(Take(4));
            case 0xCF:
                ulong unsigned = BinaryPrimitives.ReadUInt64BigEndian(Take(8));
                return unsigned <= long.MaxValue ? (long)unsigned : unsigned;
            case 0xD0: return (long)(sbyte)Take(1)[0];
            case 0xD1: return (long)BinaryPrimitives.ReadInt16BigEndian(Take(2));
            case 0xD2: return (long)BinaryPrimitives.ReadInt32BigEndian(Take(4));
            case 0xD3: return BinaryPrimitives.ReadInt64BigEndian(Take(8));
            case 0xD9: return Text(Take(1)[0]);
            case 0xDA: return Text(BinaryPrimitives.ReadUInt16BigEndian(Take(2)));
            case 0xDB: return Text(BinaryPrimitives.ReadUInt32BigEndian(Take(4)));
            case 0xDC: return Array(BinaryPrimitives.ReadUInt16BigEndian(Take(2)), depth);
            case 0xDD: return Array(BinaryPrimitives.ReadUInt32BigEndian(Take(4)), depth);
            case 0xDE: return Map(BinaryPrimitives.ReadUInt16BigEndian(Take(2)), depth);
            case 0xDF: return Map(BinaryPrimitives.ReadUInt32BigEndian(Take(4)), depth);
            case >= 0xE0: return (long)(sbyte)code;
            default: throw new MsgPackException($"byte 0x{code:x2} at {_at - 1} begins no value that is accepted (extension types are not)");
        }
    }

    private object?[] Array(long count, int depth)
    {
        Descend(depth);
        if (count > Left) throw new MsgPackException($"an array of {count} values at byte {_at} has {Left} bytes left");
        if (count > _limits.Values - _values) throw new MsgPackException($"the message has more than {_limits.Values} values");
        object?[] items = new object?[count];
        for (int i = 0; i < items.Length; i++) items[i] = Value(depth + 1);
        return items;
    }

    private object Map(long count, int depth)
    {
        Descend(depth);
        if (2 * count > Left) throw new MsgPackException($"a map of {count} entries at byte {_at} has {Left} bytes left");
        if (count > _limits.MapEntries) throw new MsgPackException($"a map has {count} entries; at most {_limits.MapEntries} are accepted");
        var map = new MsgPackMap();
        for (long i = 0; i < count; i++)
        {
            int at = _at;
            string key = Value(depth + 1) switch
            {
                string text => text,
                ReadOnlyMemory<byte> bytes => MsgPackMap.BinaryPrefix + Encoding.Latin1.GetString(bytes.Span),
                _ => throw new MsgPackException($"the key at byte {at} is neither text nor bytes"),
            };
            if (!map.TryAdd(key, Value(depth + 1))) throw new MsgPackException($"a map has a key twice (byte {at})");
        }

        return Convert(map, MsgPackMap.BinaryPrefix.ToString()) ?? (_limits.StringKeyArrays ? Convert(map, "") : null) ?? map;
    }

    /// <summary>The array or scalar that a map stands for, or null where it is just a map.</summary>
    private readonly object? Convert(MsgPackMap map, string prefix)
    {
        if (map.ContainsKey(prefix + ArrayKey))
        {
            var data = Field<ReadOnlyMemory<byte>>(map, prefix, DataKey, "bytes");
            var dtype = NumpyDtype.Parse(Field<string>(map, prefix, DtypeKey, "a string"));
            object?[] dimensions = Field<object?[]>(map, prefix, ShapeKey, "a list of integers");
            if (dimensions.Length > _limits.Dimensions)
                throw new MsgPackException($"an array has {dimensions.Length} dimensions; at most {_limits.Dimensions} are accepted");
            long[] shape = new long[dimensions.Length];
            for (int i = 0; i < shape.Length; i++)
                shape[i] = dimensions[i] is long size ? size : throw new MsgPackException($"dimension {i} of an array is no integer");
            return new NumpyArray(dtype, shape, data, _limits.Dimensions);
        }

        if (map.ContainsKey(prefix + ScalarKey))
        {
            var dtype = NumpyDtype.Parse(Field<string>(map, prefix, DtypeKey, "a string"));
            object value = Field<object>(map, prefix, DataKey, "a plain value");
            if (value is not (bool or long or ulong or double) || !dtype.IsNumeric)
                throw new MsgPackException($"a numpy scalar of {dtype} does not hold a number");
            return new NumpyScalar(dtype, value);
        }

        return null;
    }

    private static T Field<T>(MsgPackMap map, string prefix, string key, string expected) => map.TryGet(prefix + key, out T? value)
        ? value
        : throw new MsgPackException($"a numpy value has {(map.ContainsKey(prefix + key) ? $"'{key}' that is not {expected}" : $"no '{key}'")}");

    private readonly void Descend(int depth)
    {
        if (depth >= _limits.Depth) throw new MsgPackException($"containers are nested deeper than {_limits.Depth}");
    }

    private string Text(long length)
    {
        int at = _at;
        try
        {
            return s_utf8.GetString(Take(length));
        }
        catch (DecoderFallbackException)
        {
            throw new MsgPackException($"the text at byte {at} is not UTF-8");
        }
    }

    private ReadOnlyMemory<byte> Binary(long length)
    {
        Take(length);
        return _memory.Slice(_at - (int)length, (int)length);
    }

    private ReadOnlySpan<byte> Take(long length)
    {
        if (length > Left) throw new MsgPackException($"the message ends at byte {_bytes.Length}; {length} bytes are needed at {_at}");
        var taken = _bytes.Slice(_at, (int)length);
        _at += (int)length;
        return taken;
    }
}
