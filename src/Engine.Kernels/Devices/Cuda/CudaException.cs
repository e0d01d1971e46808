namespace Engine.Kernels.Devices.Cuda;

/// <summary>A call of the CUDA driver, of the compiler or of the emulation failed; the message names the call, the operation and its shapes.</summary>
public sealed class CudaException : Exception
{
    /// <summary>With the driver's status.</summary>
    /// <param name="call">The call that failed, e.g. <c>cuLaunchKernel</c>.</param>
    /// <param name="status">The driver's number, or −1.</param>
    /// <param name="message">What happened and in what.</param>
    /// <param name="inner">The cause.</param>
    public CudaException(string call, int status, string message, Exception? inner = null)
        : base(message, inner)
    {
        Call = call;
        Status = status;
    }

    /// <summary>CUDA_ERROR_OUT_OF_MEMORY.</summary>
    public const int OutOfMemory = 2;

    /// <summary>The call that failed.</summary>
    public string Call { get; }

    /// <summary>The driver's number (CUresult), or −1 where none was given.</summary>
    public int Status { get; }
}
