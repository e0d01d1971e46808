namespace Engine.Runtime.Onnx;

/// <summary>How a session runs.</summary>
public sealed record OnnxSessionOptions
{
    /// <summary>Threads inside one operator, the caller's included; 0 lets the runtime take one a core.</summary>
    public int Threads { get; init; }

    /// <summary>Whether idle threads of the session's pool spin: lower latency, but they take the cores from everyone else. Off by default.</summary>
    public bool AllowSpinning { get; init; }

    /// <summary>Whether the graph is optimised when it is loaded (fusions, constant folding).</summary>
    public bool Optimise { get; init; } = true;

    /// <summary>
    /// Number of the GPU that runs the graph, through the CUDA provider of an ONNX Runtime of the user's (<c>ENGINE_ONNXRUNTIME</c>); null runs it on the
    /// processor.
    /// </summary>
    public int? CudaDevice { get; init; }
}
