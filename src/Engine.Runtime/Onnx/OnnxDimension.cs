namespace Engine.Runtime.Onnx;

/// <summary>One dimension of a graph's input or output: a number, or a name where it is open (<c>batch</c>). Converts from both.</summary>
public readonly record struct OnnxDimension(long Size, string? Symbol)
{
    public static implicit operator OnnxDimension(long size) => new(size, null);

    public static implicit operator OnnxDimension(string symbol) => new(-1, symbol);
}
