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
    /// The elements where they lie, without a copy. The span is valid while the tensor is alive and not disposed of; writing changes the
    /// tensor without the knowledge of the graph of derivatives.
    /// </summary>
    /// <exception cref="InvalidOperationException">The tensor is not contiguous Float32 in the memory of the processor.</exception>
    public Span<float> DataSpan()
    {
        Check(TorchNative.eng_torch_data(Handle, out nint data, out int isDenseCpu), "DataSpan");
        if (isDenseCpu == 0 || DType != ScalarType.Float32)
        {
            throw new InvalidOperationException(
                $"DataSpan wants a contiguous Float32 tensor, this one is {TensorDescription.Of(this)}{(isDenseCpu == 0 ? ", not contiguous" : "")}; call Contiguous() or To first.");
        }

        return new Span<float>((void*)data, checked((int)NumElements));
    }

    /// <summary>Copies the elements as they are, row-major; for writing checkpoints.</summary>
    internal void CopyBytesTo(Span<byte> destination)
    {
        fixed (byte* to = destination) CopyOut(DType, to, NumElements);
    }

    private void CopyOut(ScalarType type, void* destination, long count) =>
        Check(TorchNative.eng_torch_copy_out(Handle, (int)type, destination, count), "CopyTo");
}
