using Engine.Runtime.Weights;
using Engine.Training.Torch;

namespace Engine.Training.Checkpoints;

/// <summary>Between libtorch's tensors, on any device, and the arrays of weight files. Both directions copy.</summary>
public static class TensorConversion
{
    /// <summary>
    /// A tensor of the array's type in the processor's memory, whatever device weights are read for; Float16 becomes Float32, and integers that <see cref="ScalarType"/> lacks become Int64.
    /// </summary>
    /// <exception cref="InvalidDataException">A number lies beyond Int64's range.</exception>
    public static Tensor ToTensor(NamedArray array)
    {
        using var host = new DeviceScope(TorchDevice.Cpu);
        return Convert(array);
    }

    /// <summary>Tensors by name.</summary>
    /// <exception cref="InvalidDataException">A number lies beyond Int64's range.</exception>
    public static Dictionary<string, Tensor> ToTensors(IReadOnlyDictionary<string, NamedArray> arrays) =>
        arrays.ToDictionary(pair => pair.Key, pair => ToTensor(pair.Value));

    /// <summary>An array of the tensor's type, row-major.</summary>
    /// <exception cref="InvalidDataException">The tensor is larger than 2 GiB.</exception>
    public static NamedArray ToNamedArray(Tensor tensor)
    {
        var (type, size) = tensor.DType switch
        {
            ScalarType.Bool => (ElementType.Bool, 1),
            ScalarType.UInt8 => (ElementType.UInt8, 1),
            ScalarType.Int32 => (ElementType.Int32, 4),
            ScalarType.Int64 => (ElementType.Int64, 8),
            ScalarType.BFloat16 => (ElementType.BFloat16, 2),
            ScalarType.Float32 => (ElementType.Float32, 4),
            ScalarType.Float64 => (ElementType.Float64, 8),
            var other => throw new InvalidDataException($"a weight file holds no elements of type {other}; convert with To first"),
        };
        long bytes = tensor.NumElements * size;
        if (bytes > Array.MaxLength)
            throw new InvalidDataException($"a tensor [{string.Join(", ", tensor.Shape)}] of {type} is larger than the 2 GiB of one array");
        byte[] data = GC.AllocateUninitializedArray<byte>((int)bytes);
        tensor.CopyBytesTo(data);
        return new NamedArray(type, tensor.Shape, data);
    }

    /// <summary>Arrays by name.</summary>
    /// <exception cref="InvalidDataException">A tensor is larger than 2 GiB.</exception>
    public static Dictionary<string, NamedArray> ToNamedArrays(IReadOnlyDictionary<string, Tensor> tensors) =>
        tensors.ToDictionary(pair => pair.Key, pair => ToNamedArray(pair.Value));

    private static Tensor Convert(NamedArray array) => array.Type switch
    {
        ElementType.Bool => Tensor.FromBytes(array.Data, ScalarType.Bool, array.Shape),
        ElementType.UInt8 => Tensor.FromBytes(array.Data, ScalarType.UInt8, array.Shape),
        ElementType.Int32 => Tensor.FromBytes(array.Data, ScalarType.Int32, array.Shape),
        ElementType.Int64 => Tensor.FromBytes(array.Data, ScalarType.Int64, array.Shape),
        ElementType.BFloat16 => Tensor.FromBytes(array.Data, ScalarType.BFloat16, array.Shape),
        ElementType.Float32 => Tensor.FromBytes(array.Data, ScalarType.Float32, array.Shape),
        ElementType.Float64 => Tensor.FromBytes(array.Data, ScalarType.Float64, array.Shape),
        ElementType.Float16 => Tensor.FromSpan(array.ToFloat32(), array.Shape),
        _ => Tensor.FromSpan(array.ToInt64(), array.Shape),
    };
}
