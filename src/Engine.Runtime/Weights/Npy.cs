using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Engine.Runtime.Weights;

/// <summary>
/// NumPy's <c>.npy</c> format, versions 1 to 3 (numpy.lib.format). Reads every plain numeric type in either byte order and either
/// memory order; refuses objects, strings and structures.
/// </summary>
public static class Npy
{
    private const int MaxHeader = 1 << 16;

    /// <summary>Reads one array that stands alone in a file.</summary>
    /// <exception cref="InvalidDataException">The file is no valid <c>.npy</c>; the message names it and says what is wrong.</exception>
    public static NamedArray Read(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Read(stream, stream.Length, path);
    }

    /// <summary>Reads one array from the bytes of a file.</summary>
    /// <exception cref="InvalidDataException">They are no valid <c>.npy</c>; the message says what is wrong.</exception>
    public static NamedArray Read(ReadOnlyMemory<byte> file)
    {
        using var stream = MemoryMarshal.TryGetArray(file, out var bytes)
            ? new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false)
            : new MemoryStream(file.ToArray(), writable: false);
        return Read(stream, file.Length, "the array");
    }

    /// <summary>Writes one array to a file, atomically.</summary>
    /// <exception cref="ArgumentException">The array is bfloat16, which NumPy does not know.</exception>
    public static void Write(string path, NamedArray array) => AtomicFile.Write(path, stream => Write(stream, array));

    /// <summary>Writes one array in version 1 of the format, C order.</summary>
    /// <exception cref="ArgumentException">The array is bfloat16, which NumPy does not know.</exception>
    public static void Write(Stream stream, NamedArray array)
    {
        string descriptor = array.Type.NpyDescriptor()
            ?? throw new ArgumentException($"NumPy has no {array.Type}; write safetensors, or convert to float32 first", nameof(array));
        string shape = array.Shape.Length == 1 ? $"({array.Shape[0]},)" : $"({string.Join(", ", array.Shape)})";
        var header = new StringBuilder($"{{'descr': '{descriptor}', 'fortran_order': False, 'shape': {shape}, }}");
        header.Append(' ', 63 - ((10 + header.Length) & 63)).Append('\n');
        Span<byte> prefix = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, 0, 0];
        BinaryPrimitives.WriteUInt16LittleEndian(prefix[8..], checked((ushort)header.Length));
        stream.Write(prefix);
        stream.Write(Encoding.ASCII.GetBytes(header.ToString()));
        stream.Write(array.Data);
    }

    /// <summary>Reads one array from a stream that holds <paramref name="length"/> bytes; <paramref name="name"/> is for messages.</summary>
    internal static NamedArray Read(Stream stream, long length, string name)
    {
        Span<byte> prefix = stackalloc byte[12];
        if (length < 10) throw Invalid(name, "it is too short for a .npy array");
        stream.ReadExactly(prefix[..10]);
        if (prefix[0] != 0x93 || !prefix[1..6].SequenceEqual("NUMPY"u8))
            throw Invalid(name, "it does not begin with the .npy signature");
        int start = 10;
        long headerLength = BinaryPrimitives.ReadUInt16LittleEndian(prefix[8..]);
        if (prefix[6] is < 1 or > 3) throw Invalid(name, $"it has .npy version {prefix[6]}, known are 1 to 3");
        if (prefix[6] > 1)
        {
            if (length < 12) throw Invalid(name, "its header is cut short");
            stream.ReadExactly(prefix[10..]);
            start = 12;
            headerLength = BinaryPrimitives.ReadUInt32LittleEndian(prefix[8..]);
        }

        if (headerLength > MaxHeader || start + headerLength > length) throw Invalid(name, $"its header claims {headerLength} bytes");
        byte[] headerBytes = new byte[headerLength];
        stream.ReadExactly(headerBytes);
        var header = NpyHeader.Parse(Encoding.Latin1.GetString(headerBytes), name);

        if (!NamedArray.TryByteCount(header.Type, header.Shape, out long bytes))
            throw Invalid(name, $"its shape ({string.Join(", ", header.Shape)}) is larger than one array may be (2 GiB)");
        if (start + headerLength + bytes != length)
        {
            throw Invalid(name, string.Create(CultureInfo.InvariantCulture,
                $"its shape ({string.Join(", ", header.Shape)}) of {header.Type} needs {bytes} bytes, but {length - start - headerLength} follow the header"));
        }

        byte[] data = GC.AllocateUninitializedArray<byte>((int)bytes);
        stream.ReadExactly(data);
        if (header.BigEndian) SwapBytes(data, header.Type.Size());
        if (header.FortranOrder && header.Shape.Length > 1) data = ToRowMajor(data, header.Shape, header.Type.Size());
        return new NamedArray(header.Type, header.Shape, data);
    }

    private static InvalidDataException Invalid(string name, string what) => new($"{name}: {what}");

    internal static void SwapBytes(byte[] data, int size)
    {
        for (int i = 0; i < data.Length; i += size) data.AsSpan(i, size).Reverse();
    }

    /// <summary>Reorders Fortran order (first index fastest) to C order.</summary>
    internal static byte[] ToRowMajor(byte[] data, long[] shape, int size)
    {
        var result = new byte[data.Length];
        if (data.Length == 0) return result;
        var strides = new long[shape.Length];
        long stride = size;
        for (int i = 0; i < shape.Length; i++)
        {
            strides[i] = stride;
            stride *= shape[i];
        }

        var index = new long[shape.Length];
        long source = 0;
        for (int destination = 0; destination < result.Length; destination += size)
        {
            data.AsSpan((int)source, size).CopyTo(result.AsSpan(destination));
            for (int axis = shape.Length - 1; axis >= 0; axis--)
            {
                source += strides[axis];
                if (++index[axis] < shape[axis]) break;
                source -= strides[axis] * shape[axis];
                index[axis] = 0;
            }
        }

        return result;
    }
}
