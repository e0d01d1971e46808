namespace Engine.Kernels.Devices.Cuda;

/// <summary>One call that a <see cref="RecordingCudaDriver"/> saw.</summary>
/// <param name="Name">The driver's function.</param>
/// <param name="Target">Kernel or module; empty for others.</param>
/// <param name="Grid">Blocks of a launch.</param>
/// <param name="Threads">Threads in a block of a launch.</param>
/// <param name="Bytes">Bytes allocated, copied or filled; dynamic shared memory of a launch.</param>
public readonly record struct CudaCall(string Name, string Target, CudaGrid Grid, int Threads, long Bytes);
