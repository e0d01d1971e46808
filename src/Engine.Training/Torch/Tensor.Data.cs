using Engine.Training.Interop;

namespace Engine.Training.Torch;

public sealed unsafe partial class Tensor
{
    /// <summary>The elements, row-major, converted to float.</summary>
    public float[] ToArray()
    {
        var values = new float[NumElements];
        CopyTo(values);
        return values;
    }

    /// <summary>The elements, row-major, converted to 64-bit integers.</summary>
    public long[] ToInt64Array()
    {
        var values = new long[NumElements];
        fixed (long* to = values) CopyOut(ScalarType.Int64, to, values.Length);
        return values;
    }

    /// <summary>The elements, row-major, converted to bytes; a Bool is 0 or 1.</summary>
    public byte[] ToByteArray()
    {
        var values = new byte[NumElements];
        fixed (byte* to = values) CopyOut(ScalarType.UInt8, to, values.Length);
        return values;
    }

    /// <summary>Copies the elements, row-major, converted to float.</summary>
    /// <exception cref="ArgumentException">The destination's length is not <see cref="NumElements"/>.</exception>
    public void CopyTo(Span<float> destination)
    {
        if (destination.Length != NumElements)
        {
            throw new ArgumentException(
                $"the destination has {destination.Length} elements, the tensor {TensorDescription.Of(this)} has {NumElements}", nameof(destination));
        }

        fixed (float* to = destination) CopyOut(ScalarType.Float32, to, destination.Length);
    }

    /// <summary>The value of a tensor with one element.</summary>
    public float Item()
    {
        Check(TorchNative.eng_torch_item(Handle, out double value), "Item");
        return (float)value;
    }

    /// <summary>
    /// The elements where they lie in the processor's memory, without a copy. The span is valid while the tensor is alive and not disposed of; writing changes the
    /// tensor without the knowledge of the graph of derivatives.
    /// </summary>
    /// <exception cref="InvalidOperationException">The tensor is not contiguous Float32 in the memory of the processor.</exception>
    public Span<float> DataSpan()
    {
        if (!Device.IsCpu)
            throw new InvalidOperationException($"DataSpan wants a tensor in the processor's memory, this one is {TensorDescription.Of(this)}; call ToHost() first, which copies it.");
        return new Span<float>((void*)Address(), checked((int)NumElements));
    }

    /// <summary>
    /// Address of the elements on <see cref="Device"/>, row-major, for kernels that run there; valid while the tensor is alive and not disposed of. On a GPU
    /// what is there is complete after <see cref="TorchDevice.Synchronise"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">The tensor is not contiguous Float32.</exception>
    public nint Address()
    {
        Check(TorchNative.eng_torch_data(Handle, out nint data, out int isContiguous), "Address");
        return isContiguous != 0 && DType == ScalarType.Float32 ? data : throw new InvalidOperationException(
            $"what reads memory wants a contiguous Float32 tensor, this one is {TensorDescription.Of(this)}{(isContiguous == 0 ? ", not contiguous" : "")}; call Contiguous() or To first.");
    }

    /// <summary>The tensor on another device: a copy with the same place in the graph of derivatives, or the same memory where it is there already.</summary>
    public Tensor To(TorchDevice device)
    {
        Check(TorchNative.eng_torch_to_device(Handle, device.Number, out nint result), $"To {device}");
        return new Tensor(result);
    }

    /// <summary>The tensor in the processor's memory; see <see cref="To(TorchDevice)"/>.</summary>
    public Tensor ToHost() => To(TorchDevice.Cpu);

    /// <summary>Copies the elements as they are, row-major; for writing checkpoints.</summary>
    internal void CopyBytesTo(Span<byte> destination)
    {
        fixed (byte* to = destination) CopyOut(DType, to, NumElements);
    }

    private void CopyOut(ScalarType type, void* destination, long count) =>
        Check(TorchNative.eng_torch_copy_out(Handle, (int)type, destination, count), "CopyTo");
}
