namespace Engine.Runtime.Weights;

/// <summary>
/// A tensor of a checkpoint: a strided view of a storage, counted in elements. Construction proves that every element lies inside the
/// storage, so that copying needs no further checks.
/// </summary>
internal sealed class TorchTensor
{
    private const int MaxRank = 32;

    private TorchTensor(TorchStorage storage, ElementType type, long offset, long[] shape, long[] strides)
    {
        Storage = storage;
        Type = type;
        Offset = offset;
        Shape = shape;
        Strides = strides;
    }

    public TorchStorage Storage { get; }

    public ElementType Type { get; }

    public long Offset { get; }

    public long[] Shape { get; }

    public long[] Strides { get; }

    /// <summary>Bytes of the copied array.</summary>
    public long Bytes => NamedArray.TryByteCount(Type, Shape, out long bytes) ? bytes : long.MaxValue;

    /// <summary>(storage, offset, size, stride).</summary>
    public static object? Rebuild(object?[] arguments) => arguments is [TorchStorage { Type: { } type } storage, long offset, var size, var stride]
        ? Create(storage, type, offset, size, stride)
        : throw Misused("_rebuild_tensor");

    /// <summary>(storage, offset, size, stride, requires_grad, hooks[, metadata]).</summary>
    public static object? RebuildV2(object?[] arguments) =>
        arguments is [TorchStorage { Type: { } type } storage, long offset, var size, var stride, bool, _, ..] && arguments.Length <= 7
            ? Create(storage, type, offset, size, stride)
            : throw Misused("_rebuild_tensor_v2");

    /// <summary>(untyped storage, offset, size, stride, requires_grad, hooks, dtype[, metadata]).</summary>
    public static object? RebuildV3(object?[] arguments) =>
        arguments is [TorchStorage { Type: null } storage, long offset, var size, var stride, bool, _, PickleGlobal.ElementConstant constant, ..]
            && arguments.Length <= 8
            ? Create(storage, constant.Type, offset, size, stride)
            : throw Misused("_rebuild_tensor_v3");

    /// <summary>Copies the view out of its storage's bytes, in C order.</summary>
    public NamedArray Copy(byte[] storage)
    {
        int size = Type.Size();
        byte[] result = GC.AllocateUninitializedArray<byte>(checked((int)Bytes));
        if (result.Length == 0) return new NamedArray(Type, Shape, result);
        if (IsContiguous())
        {
            storage.AsSpan(checked((int)(Offset * size)), result.Length).CopyTo(result);
            return new NamedArray(Type, Shape, result);
        }

        var index = new long[Shape.Length];
        long source = Offset;
        for (int destination = 0; destination < result.Length; destination += size)
        {
            storage.AsSpan((int)(source * size), size).CopyTo(result.AsSpan(destination, size));
            for (int axis = Shape.Length - 1; axis >= 0; axis--)
            {
                source += Strides[axis];
                if (++index[axis] < Shape[axis]) break;
                source -= Strides[axis] * Shape[axis];
                index[axis] = 0;
            }
        }

        return new NamedArray(Type, Shape, result);
    }

    private static TorchTensor Create(TorchStorage storage, ElementType type, long offset, object? size, object? stride)
    {
        long[] shape = ToDimensions(size), strides = ToDimensions(stride);
        if (shape.Length != strides.Length)
            throw new InvalidDataException($"a tensor has {shape.Length} sizes but {strides.Length} strides");
        if (!NamedArray.TryByteCount(type, shape, out long bytes))
            throw new InvalidDataException($"a tensor has the shape [{string.Join(", ", shape)}], larger than one array may be (2 GiB)");
        if (offset < 0) throw new InvalidDataException($"a tensor begins at {offset} of its storage");

        Int128 last = offset;
        if (bytes > 0)
        {
            for (int i = 0; i < shape.Length; i++) last += (Int128)(shape[i] - 1) * strides[i];
        }

        long elements = storage.Bytes / type.Size();
        if (bytes > 0 ? last >= elements : offset > elements)
        {
            throw new InvalidDataException($"a tensor of shape [{string.Join(", ", shape)}], strides [{string.Join(", ", strides)}] and offset {offset} "
                + $"reaches element {last}, but its storage '{storage.Key}' has {elements}");
        }

        return new TorchTensor(storage, type, offset, shape, strides);
    }

    private static long[] ToDimensions(object? value)
    {
        if (value is long[] known) return ToDimensions(new PickleTuple(Array.ConvertAll(known, v => (object?)v)));
        if (value is not PickleTuple { Items: var items }) throw new InvalidDataException("a tensor's sizes or strides are no tuple");
        if (items.Length > MaxRank) throw new InvalidDataException($"a tensor has {items.Length} dimensions, more than {MaxRank}");
        var result = new long[items.Length];
        for (int i = 0; i < items.Length; i++)
        {
            result[i] = items[i] is long number and >= 0
                ? number
                : throw new InvalidDataException($"a tensor's sizes or strides hold {items[i] ?? "None"}, which is no whole number of 0 or more");
        }

        return result;
    }

    private static InvalidDataException Misused(string name) => new($"its pickle calls torch._utils.{name} with arguments that do not belong to it");

    private bool IsContiguous()
    {
        long stride = 1;
        for (int axis = Shape.Length - 1; axis >= 0; axis--)
        {
            if (Shape[axis] != 1 && Strides[axis] != stride) return false;
            stride *= Shape[axis];
        }

        return true;
    }
}
