using Engine.Training.Torch;

namespace Engine.Training.Interop;

/// <summary>Tensors in the words of an error message: <c>[2, 3] Float32</c>, with their device where that is not the processor.</summary>
internal static class TensorDescription
{
    /// <summary>Shape and type of one tensor.</summary>
    public static string Of(Tensor tensor) => $"[{string.Join(", ", tensor.Shape)}] {tensor.DType}{(tensor.Device.IsCpu ? "" : $" on {tensor.Device}")}";

    /// <summary>Shapes and types of several, with commas between.</summary>
    public static string Of(ReadOnlySpan<Tensor> tensors)
    {
        var parts = new string[tensors.Length];
        for (int i = 0; i < parts.Length; i++) parts[i] = Of(tensors[i]);
        return string.Join(", ", parts);
    }
}
