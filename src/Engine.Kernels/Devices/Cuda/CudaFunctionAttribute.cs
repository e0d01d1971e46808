namespace Engine.Kernels.Devices.Cuda;

/// <summary>What the driver knows of a loaded function; the numbers are the driver's (CUfunction_attribute).</summary>
public enum CudaFunctionAttribute
{
    /// <summary>Most threads in a block.</summary>
    MaxThreadsPerBlock = 0,

    /// <summary>Static shared memory, bytes.</summary>
    SharedBytes = 1,

    /// <summary>Local memory of a thread, bytes; spills stand there.</summary>
    LocalBytes = 3,

    /// <summary>Registers of a thread.</summary>
    Registers = 4,

    /// <summary>Most dynamic shared memory at launch, bytes; can be set.</summary>
    MaxDynamicSharedBytes = 8,
}
