namespace Engine.Runtime.Onnx;

/// <summary>An input or output of a model.</summary>
/// <param name="Name">Its name in the graph.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Dimensions; −1 where the model leaves one open.</param>
/// <param name="Symbols">Names of the open dimensions, e.g. <c>batch</c>; empty where a dimension is fixed or nameless.</param>
public sealed record OnnxTensorInfo(string Name, OnnxElementType Type, long[] Shape, string[] Symbols)
{
    /// <summary>E.g. <c>state: Float32[batch, 8]</c>.</summary>
    public override string ToString() =>
        $"{Name}: {Type}[{string.Join(", ", Shape.Select((d, i) => d >= 0 ? $"{d}" : Symbols[i] is { Length: > 0 } symbol ? symbol : "?"))}]";
}
