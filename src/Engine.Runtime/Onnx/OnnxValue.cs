namespace Engine.Runtime.Onnx;

/// <summary>A tensor in a graph that is being built: an input, a weight, or the output of a node.</summary>
/// <param name="Name">Its name, unique in the graph.</param>
public readonly record struct OnnxValue(string Name);
