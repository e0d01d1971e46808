using Engine.Training.Interop;

namespace Engine.Training.Torch;

// On the device of the innermost DeviceScope of this thread; on the processor where there is none.
public sealed unsafe partial class Tensor
{
    /// <summary>A Float32 tensor with a copy of <paramref name="data"/>, row-major. No shape is a single number.</summary>
    /// <exception cref="ArgumentException">The shape's product is not the length of the data.</exception>
    public static Tensor FromSpan(ReadOnlySpan<float> data, params ReadOnlySpan<long> shape) => Create(data, ScalarType.Float32, shape);

    /// <summary>An Int64 tensor with a copy of <paramref name="data"/>, row-major.</summary>
    /// <exception cref="ArgumentException">The shape's product is not the length of the data.</exception>
    public static Tensor FromSpan(ReadOnlySpan<long> data, params ReadOnlySpan<long> shape) => Create(data, ScalarType.Int64, shape);

    /// <summary>A UInt8 tensor with a copy of <paramref name="data"/>, row-major.</summary>
    /// <exception cref="ArgumentException">The shape's product is not the length of the data.</exception>
    public static Tensor FromSpan(ReadOnlySpan<byte> data, params ReadOnlySpan<long> shape) => Create(data, ScalarType.UInt8, shape);

    /// <summary>A Bool tensor with a copy of <paramref name="data"/>, row-major.</summary>
    /// <exception cref="ArgumentException">The shape's product is not the length of the data.</exception>
    public static Tensor FromSpan(ReadOnlySpan<bool> data, params ReadOnlySpan<long> shape) => Create(data, ScalarType.Bool, shape);

    /// <summary>Float32 zeros.</summary>
    public static Tensor Zeros(params ReadOnlySpan<long> shape) => Full(0, shape);

    /// <summary>Float32 ones.</summary>
    public static Tensor Ones(params ReadOnlySpan<long> shape) => Full(1, shape);

    /// <summary>A Float32 tensor of one value.</summary>
    public static Tensor Full(double value, params ReadOnlySpan<long> shape)
    {
        TorchRuntime.EnsureInitialised();
        fixed (long* sizes = shape)
        {
            if (TorchNative.eng_torch_full(value, sizes, shape.Length, (int)ScalarType.Float32, DeviceScope.Current.Number, out nint tensor) != 0)
                throw new TorchException($"Full [{Join(shape)}]: {TorchNative.LastError()}");
            return new Tensor(tensor);
        }
    }

    /// <summary>Zeros of the shape, type and device of another tensor.</summary>
    public static Tensor ZerosLike(Tensor tensor) => Aten.ZerosLike.Invoke(tensor);

    /// <summary>Ones of the shape, type and device of another tensor.</summary>
    public static Tensor OnesLike(Tensor tensor) => Aten.OnesLike.Invoke(tensor);

    /// <summary>Int64 numbers 0 … n−1.</summary>
    public static Tensor Arange(long n) => Aten.Arange.Invoke(n, Argument.None, Argument.None, DeviceScope.Current);

    /// <summary>Joins along an existing axis.</summary>
    public static Tensor Cat(int dim, params ReadOnlySpan<Tensor> tensors) => Aten.Cat.InvokeOnList(tensors, dim);

    /// <summary>Joins along a new axis.</summary>
    public static Tensor Stack(int dim, params ReadOnlySpan<Tensor> tensors) => Aten.Stack.InvokeOnList(tensors, dim);

    /// <summary>
    /// A tensor over memory of a device that is there already, row-major, without a copy; for what Engine's own kernels have made. Whoever owns the memory
    /// keeps it as long as the tensor, or anything that shares its memory, is in use.
    /// </summary>
    /// <param name="memory">Address on the device.</param>
    /// <param name="type">Type of the elements.</param>
    /// <param name="device">Whose memory it is.</param>
    /// <param name="shape">Shape of the tensor.</param>
    public static Tensor FromMemory(nint memory, ScalarType type, TorchDevice device, params ReadOnlySpan<long> shape)
    {
        TorchRuntime.EnsureInitialised();
        fixed (long* sizes = shape)
        {
            if (TorchNative.eng_torch_from_memory(memory, sizes, shape.Length, (int)type, device.Number, out nint tensor) != 0)
                throw new TorchException($"a {type} tensor [{Join(shape)}] over memory of {device}: {TorchNative.LastError()}");
            return new Tensor(tensor);
        }
    }

    /// <summary>Raw bytes of the type, row-major; for reading checkpoints.</summary>
    internal static Tensor FromBytes(ReadOnlySpan<byte> bytes, ScalarType type, ReadOnlySpan<long> shape)
    {
        TorchRuntime.EnsureInitialised();
        fixed (byte* data = bytes)
        fixed (long* sizes = shape)
        {
            if (TorchNative.eng_torch_from_data(data, sizes, shape.Length, (int)type, DeviceScope.Current.Number, out nint tensor) != 0)
                throw new TorchException($"a {type} tensor [{Join(shape)}]: {TorchNative.LastError()}");
            return new Tensor(tensor);
        }
    }

    private static Tensor Create<T>(ReadOnlySpan<T> data, ScalarType type, ReadOnlySpan<long> shape) where T : unmanaged
    {
        long count = 1;
        foreach (long size in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(size, nameof(shape));
            count = checked(count * size);
        }

        if (count != data.Length)
            throw new ArgumentException($"the shape [{Join(shape)}] has {count} elements, the data {data.Length}", nameof(shape));
        return FromBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(data), type, shape);
    }

    private static string Join(ReadOnlySpan<long> shape) => string.Join(", ", shape.ToArray());
}
