using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Weights;

namespace Engine.Host.Serving.Groot;

/// <summary>GR00T's arrays in msgpack: a map <c>{"__ndarray_class__": true, "as_npy": the bytes of a .npy file}</c>.</summary>
internal static class GrootArrays
{
    private const string Mark = "__ndarray_class__", Content = "as_npy";

    /// <summary>The array that a value stands for, or null where it is something else.</summary>
    /// <exception cref="ObservationException">It is marked as an array, but is none that can be read.</exception>
    internal static NumpyArray? Read(string key, object? value)
    {
        if (value is not MsgPackMap map || !map.ContainsKey(Mark)) return value as NumpyArray;
        if (!map.TryGet(Content, out ReadOnlyMemory<byte> bytes)) throw new ObservationException($"'{Short(key)}' is marked as an array but has no bytes in '{Content}'");
        try
        {
            var array = Npy.Read(bytes);
            return new NumpyArray(NumpyDtype.Parse(array.Type.NpyDescriptor()!), array.Shape, array.Data);
        }
        catch (Exception error) when (error is InvalidDataException or MsgPackException)
        {
            throw new ObservationException($"'{Short(key)}' cannot be read: {error.Message}");
        }
    }

    /// <summary>Columns <paramref name="offset"/> … of a chunk [H, A] as float32 [H, width], or [1, H, width].</summary>
    internal static MsgPackMap Columns(ReadOnlySpan<float> chunk, int actionWidth, int offset, int width, bool batched)
    {
        int horizon = chunk.Length / actionWidth;
        float[] values = new float[horizon * width];
        for (int i = 0; i < horizon; i++) chunk.Slice(i * actionWidth + offset, width).CopyTo(values.AsSpan(i * width));
        using var stream = new MemoryStream(128 + values.Length * sizeof(float));
        Npy.Write(stream, NamedArray.FromFloat32(values, batched ? [1, horizon, width] : [horizon, width]));
        return new MsgPackMap { [Mark] = true, [Content] = stream.ToArray() };
    }

    /// <summary>A client's key for a message.</summary>
    internal static string Short(string text) => text.Length > 64 ? text[..64] + "…" : text;
}
