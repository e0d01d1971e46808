namespace Engine.Runtime.Onnx;

/// <summary>An error that ONNX Runtime reported, with its message.</summary>
public sealed class OnnxRuntimeException(int code, string message) : Exception($"ONNX Runtime error {code}: {message}")
{
    /// <summary>OrtErrorCode: 1 fail, 2 invalid argument, 3 no such file, 7 invalid protobuf, 9 not implemented, 10 invalid graph.</summary>
    public int Code { get; } = code;
}
