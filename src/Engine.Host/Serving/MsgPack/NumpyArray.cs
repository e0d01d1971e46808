using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Engine.Host.Serving.MsgPack;

/// <summary>
/// A numpy array, row-major. An array that was read stands over the message's memory: it is valid as long as that is.
/// </summary>
public sealed class NumpyArray
{
    /// <exception cref="MsgPackException">A dimension is negative, there are too many, or the data is not what dtype and shape make.</exception>
    public NumpyArray(NumpyDtype dtype, long[] shape, ReadOnlyMemory<byte> data, int maxDimensions = 8)
    {
        if (shape.Length > maxDimensions) throw new MsgPackException($"an array has {shape.Length} dimensions; at most {maxDimensions} are accepted");
        long count = 1;
        foreach (long dimension in shape)
        {
            if (dimension < 0) throw new MsgPackException($"shape [{string.Join(", ", shape)}] has a negative dimension");
        }

        foreach (long dimension in shape)
        {
            // A dimension may be huge where another is zero; what matters is the product, and that must fit the data.
            if (dimension == 0) count = 0;
        }

        if (count != 0)
        {
            foreach (long dimension in shape)
            {
                if (count > int.MaxValue / dimension) throw new MsgPackException($"shape [{string.Join(", ", shape)}] has too many elements");
                count *= dimension;
            }
        }

        if (count * dtype.Size != data.Length)
            throw new MsgPackException($"shape [{string.Join(", ", shape)}] of {dtype} is {count * dtype.Size} bytes, the data has {data.Length}");
        Dtype = dtype;
        Shape = shape;
        Data = data;
        Count = (int)count;
    }

    public NumpyDtype Dtype { get; }

    public long[] Shape { get; }

    /// <summary>Elements in C order, in the byte order of <see cref="Dtype"/>.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>Number of elements.</summary>
    public int Count { get; }

    public static NumpyArray From(ReadOnlySpan<float> values, params ReadOnlySpan<long> shape) =>
        new(NumpyDtype.Float32, shape.ToArray(), MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>An array over bytes of the caller, which are not copied.</summary>
    public static NumpyArray From(ReadOnlyMemory<byte> values, params ReadOnlySpan<long> shape) => new(NumpyDtype.UInt8, shape.ToArray(), values);

    /// <summary>E.g. <c>&lt;f4 [10, 7]</c>.</summary>
    public override string ToString() => $"{Dtype} [{string.Join(", ", Shape)}]";

    /// <summary>Converts the elements to float32; booleans are 0 and 1.</summary>
    /// <exception cref="MsgPackException">The elements are not numbers.</exception>
    /// <exception cref="ArgumentException">The destination is not <see cref="Count"/> long.</exception>
    public void CopyTo(Span<float> destination)
    {
        if (destination.Length != Count) throw new ArgumentException($"the array has {Count} elements, the destination {destination.Length}.", nameof(destination));
        var data = Data.Span;
        if (Dtype is { Kind: 'f', Size: 4, BigEndian: false } && BitConverter.IsLittleEndian)
        {
            MemoryMarshal.Cast<byte, float>(data).CopyTo(destination);
            return;
        }

        for (int i = 0; i < destination.Length; i++) destination[i] = (float)Number(data.Slice(i * Dtype.Size, Dtype.Size));
    }

    /// <summary>The elements as float32.</summary>
    /// <exception cref="MsgPackException">The elements are not numbers.</exception>
    public float[] ToSingles()
    {
        float[] values = new float[Count];
        CopyTo(values);
        return values;
    }

    /// <summary>The elements of an array of text (<c>U</c>) or of bytes (<c>S</c>, taken as Latin-1), without the padding zeros.</summary>
    /// <exception cref="MsgPackException">The elements are not text.</exception>
    public string[] ToStrings()
    {
        if (Dtype.Kind is not ('U' or 'S')) throw new MsgPackException($"an array of {Dtype} holds no text");
        var encoding = Dtype.Kind == 'S' ? Encoding.Latin1 : new UTF32Encoding(Dtype.BigEndian, false, true);
        string[] values = new string[Count];
        try
        {
            for (int i = 0; i < values.Length; i++) values[i] = encoding.GetString(Data.Span.Slice(i * Dtype.Size, Dtype.Size)).TrimEnd('\0');
        }
        catch (DecoderFallbackException)
        {
            throw new MsgPackException("an array of text holds what is no Unicode character");
        }

        return values;
    }

    private double Number(ReadOnlySpan<byte> e) => (Dtype.Kind, Dtype.Size, Dtype.BigEndian) switch
    {
        ('f', 2, false) => (double)BinaryPrimitives.ReadHalfLittleEndian(e),
        ('f', 2, true) => (double)BinaryPrimitives.ReadHalfBigEndian(e),
        ('f', 4, false) => BinaryPrimitives.ReadSingleLittleEndian(e),
        ('f', 4, true) => BinaryPrimitives.ReadSingleBigEndian(e),
        ('f', 8, false) => BinaryPrimitives.ReadDoubleLittleEndian(e),
        ('f', 8, true) => BinaryPrimitives.ReadDoubleBigEndian(e),
        ('i', 1, _) => (sbyte)e[0],
        ('i', 2, false) => BinaryPrimitives.ReadInt16LittleEndian(e),
        ('i', 2, true) => BinaryPrimitives.ReadInt16BigEndian(e),
        ('i', 4, false) => BinaryPrimitives.ReadInt32LittleEndian(e),
        ('i', 4, true) => BinaryPrimitives.ReadInt32BigEndian(e),
        ('i', 8, false) => BinaryPrimitives.ReadInt64LittleEndian(e),
        ('i', 8, true) => BinaryPrimitives.ReadInt64BigEndian(e),
        ('u', 1, _) => e[0],
        ('u', 2, false) => BinaryPrimitives.ReadUInt16LittleEndian(e),
        ('u', 2, true) => BinaryPrimitives.ReadUInt16BigEndian(e),
        ('u', 4, false) => BinaryPrimitives.ReadUInt32LittleEndian(e),
        ('u', 4, true) => BinaryPrimitives.ReadUInt32BigEndian(e),
        ('u', 8, false) => BinaryPrimitives.ReadUInt64LittleEndian(e),
        ('u', 8, true) => BinaryPrimitives.ReadUInt64BigEndian(e),
        ('b', 1, _) => e[0] == 0 ? 0 : 1,
        _ => throw new MsgPackException($"an array of {Dtype} holds no numbers"),
    };
}
