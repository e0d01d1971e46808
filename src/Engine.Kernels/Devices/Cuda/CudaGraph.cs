namespace Engine.Kernels.Devices.Cuda;

/// <summary>Recorded work, ready to be run as one. The memory that it names must live as long as it does.</summary>
public sealed class CudaGraph : IDisposable
{
    internal CudaGraph(CudaHandle handle) => Handle = handle;

    internal CudaHandle Handle { get; }

    /// <summary>Frees it; it must not be running.</summary>
    public void Dispose() => Handle.Dispose();
}
