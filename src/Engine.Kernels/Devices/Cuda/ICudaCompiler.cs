namespace Engine.Kernels.Devices.Cuda;

/// <summary>Turns a kernel's source into a module that a driver can load, or takes it from its disk cache. For several threads at once.</summary>
public interface ICudaCompiler
{
    /// <summary>What it is, with its version.</summary>
    string Name { get; }

    /// <summary>The module of <paramref name="kernel"/> for an architecture such as <c>sm_90a</c>.</summary>
    /// <exception cref="CudaException">It does not compile; the message holds the compiler's log.</exception>
    CudaImage Compile(CudaKernel kernel, string architecture);
}
