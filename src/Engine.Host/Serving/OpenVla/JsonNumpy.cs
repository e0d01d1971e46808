using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Engine.Host.Serving.MsgPack;

namespace Engine.Host.Serving.OpenVla;

/// <summary>
/// The json_numpy package's form of arrays: an object <c>{"__numpy__": base64 of the bytes in C order, "dtype": "&lt;f4", "shape": [2, 3]}</c>.
/// Values are read into the same types as msgpack's (see <see cref="MsgPackMap"/>).
/// </summary>
public static class JsonNumpy
{
    private const string ArrayKey = "__numpy__";

    /// <summary>Reads one JSON value.</summary>
    /// <exception cref="MsgPackException">It is no JSON, nested too deep, or holds a malformed array.</exception>
    public static object? Read(ReadOnlyMemory<byte> text, MsgPackLimits? limits = null)
    {
        limits ??= MsgPackLimits.Default;
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = limits.Depth });
            return Value(document.RootElement, limits);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw new MsgPackException($"the request is no valid JSON: {error.Message}");
        }
    }

    /// <summary>Writes a value of the types that <see cref="Read"/> gives.</summary>
    /// <exception cref="ArgumentException">It is of another type, or a number that JSON cannot say.</exception>
    public static byte[] ToBytes(object? value)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            Write(writer, value);
        return buffer.WrittenSpan.ToArray();
    }

    private static object? Value(JsonElement element, MsgPackLimits limits)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Null: return null;
            case JsonValueKind.True: return true;
            case JsonValueKind.False: return false;
            case JsonValueKind.String: return element.GetString();
            case JsonValueKind.Number: return element.TryGetInt64(out long whole) ? whole : element.GetDouble();
            case JsonValueKind.Array:
                return element.EnumerateArray().Select(item => Value(item, limits)).ToArray();
            default:
                if (element.TryGetProperty(ArrayKey, out var data)) return Array(element, data, limits);
                var map = new MsgPackMap();
                foreach (var property in element.EnumerateObject())
                {
                    if (!map.TryAdd(property.Name, Value(property.Value, limits))) throw new MsgPackException($"the key '{property.Name}' stands twice");
                }

                return map;
        }
    }

    private static NumpyArray Array(JsonElement element, JsonElement data, MsgPackLimits limits)
    {
        if (data.ValueKind != JsonValueKind.String || !data.TryGetBytesFromBase64(out byte[]? bytes))
            throw new MsgPackException($"'{ArrayKey}' of an array is no base64");
        if (!element.TryGetProperty("dtype", out var dtype) || dtype.ValueKind != JsonValueKind.String)
            throw new MsgPackException("an array has no 'dtype' that is a string");
        if (!element.TryGetProperty("shape", out var shape) || shape.ValueKind != JsonValueKind.Array)
            throw new MsgPackException("an array has no 'shape' that is a list");
        if (shape.GetArrayLength() > limits.Dimensions)
            throw new MsgPackException($"an array has {shape.GetArrayLength()} dimensions; at most {limits.Dimensions} are accepted");
        long[] dimensions = new long[shape.GetArrayLength()];
        for (int i = 0; i < dimensions.Length; i++)
        {
            if (shape[i].ValueKind != JsonValueKind.Number || !shape[i].TryGetInt64(out dimensions[i]))
                throw new MsgPackException($"dimension {i} of an array is no integer");
        }

        return new NumpyArray(NumpyDtype.Parse(dtype.GetString()!), dimensions, bytes, limits.Dimensions);
    }

    private static void Write(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNullValue(); break;
            case bool flag: writer.WriteBooleanValue(flag); break;
            case int number: writer.WriteNumberValue(number); break;
            case long number: writer.WriteNumberValue(number); break;
            case double number: writer.WriteNumberValue(number); break;
            case string text: writer.WriteStringValue(text); break;
            case NumpyArray array:
                writer.WriteStartObject();
                writer.WriteBase64String(ArrayKey, array.Data.Span);
                writer.WriteString("dtype", array.Dtype.ToString());
                writer.WriteStartArray("shape");
                foreach (long dimension in array.Shape) writer.WriteNumberValue(dimension);
                writer.WriteEndArray();
                writer.WriteEndObject();
                break;
            case MsgPackMap map:
                writer.WriteStartObject();
                foreach (var (key, item) in map)
                {
                    writer.WritePropertyName(key);
                    Write(writer, item);
                }

                writer.WriteEndObject();
                break;
            case object?[] items:
                writer.WriteStartArray();
                foreach (object? item in items) Write(writer, item);
                writer.WriteEndArray();
                break;
            default: throw new ArgumentException($"a {value.GetType().Name} cannot be written as JSON.", nameof(value));
        }
    }
}
