namespace Engine.Runtime.Weights;

/// <summary>An element type in the making: numpy makes it by name and sets its byte order afterwards.</summary>
internal sealed class PickleDtype : PickleBuilt
{
    private PickleDtype(ElementType type) => Type = type;

    public ElementType Type { get; }

    public bool BigEndian { get; private set; }

    /// <summary><c>numpy.dtype(code, align, copy)</c>.</summary>
    public static object? Make(object?[] arguments)
    {
        if (arguments is not [string { Length: <= 16 } code, bool or long, bool or long]) throw Misused("numpy.dtype");
        return ElementTypes.TryFromNpy(code, out var type, out _) && char.IsAsciiLetter(code[0])
            ? new PickleDtype(type)
            : throw new InvalidDataException($"it holds an array of dtype '{code}'; plain numbers and booleans are accepted, objects and text are not");
    }

    /// <summary>(version, byte order, subdtype, names, fields, element size, alignment, flags[, metadata]).</summary>
    public override void SetState(object? state)
    {
        if (state is not PickleTuple { Items: [long, string order, null, null, null, ..] items } || items.Length > 9 || order is not ("<" or ">" or "|" or "="))
            throw new InvalidDataException("it holds an array with a dtype that is no plain number");
        BigEndian = order == ">";
    }

    internal static InvalidDataException Misused(string name) => new($"its pickle calls {name} with arguments that do not belong to it");
}

/// <summary>A numpy array in the making: empty at first, then its state.</summary>
internal sealed class PickleArray : PickleBuilt
{
    private NamedArray? _value;

    /// <summary>The array.</summary>
    /// <exception cref="InvalidDataException">Its state never came.</exception>
    public NamedArray Value => _value ?? throw new InvalidDataException("it holds an array that was begun but never filled");

    /// <summary><c>numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b'b')</c>: an array whose state follows.</summary>
    public static object? Reconstruct(object?[] arguments) => arguments is [PickleGlobal.Marker { Name: "numpy.ndarray" }, PickleTuple, byte[]]
        ? new PickleArray()
        : throw PickleDtype.Misused("_reconstruct");

    /// <summary><c>numpy.core.multiarray.scalar(dtype, bytes)</c>: an array of rank 0.</summary>
    public static object? Scalar(object?[] arguments) => arguments is [PickleDtype dtype, byte[] data]
        ? Make(dtype, [], fortran: false, data)
        : throw PickleDtype.Misused("scalar");

    /// <summary><c>numpy.core.numeric._frombuffer(bytes, dtype, shape, order)</c>, as protocol 5 writes arrays.</summary>
    public static object? FromBuffer(object?[] arguments) => arguments is [byte[] data, PickleDtype dtype, PickleTuple shape, "C" or "F"]
        ? Make(dtype, Dimensions(shape), arguments[3] is "F", data)
        : throw PickleDtype.Misused("_frombuffer");

    /// <summary>(version, shape, dtype, whether in Fortran order, bytes).</summary>
    public override void SetState(object? state)
    {
        if (_value is not null || state is not PickleTuple { Items: [long, PickleTuple shape, PickleDtype dtype, bool fortran, byte[] data] })
            throw new InvalidDataException("it holds an array with a state that does not belong to one");
        _value = Make(dtype, Dimensions(shape), fortran, data);
    }

    private static NamedArray Make(PickleDtype dtype, long[] shape, bool fortran, byte[] data)
    {
        if (!NamedArray.TryByteCount(dtype.Type, shape, out long bytes) || bytes != data.LongLength)
            throw new InvalidDataException($"it holds an array of shape ({string.Join(", ", shape)}) of {dtype.Type} with {data.LongLength} bytes");
        if (dtype.BigEndian && dtype.Type.Size() > 1)
        {
            // The bytes may belong to other arrays of the pickle as well.
            data = (byte[])data.Clone();
            Npy.SwapBytes(data, dtype.Type.Size());
        }

        return new NamedArray(dtype.Type, shape, fortran && shape.Length > 1 ? Npy.ToRowMajor(data, shape, dtype.Type.Size()) : data);
    }

    private static long[] Dimensions(PickleTuple shape) => shape.Items.Length <= 32 && Array.TrueForAll(shape.Items, d => d is long)
        ? Array.ConvertAll(shape.Items, d => (long)d!)
        : throw new InvalidDataException("it holds an array with a shape that is no tuple of at most 32 whole numbers");
}
