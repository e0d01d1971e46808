namespace Engine.Kernels.Devices.Cuda;

/// <summary>What a compiled kernel takes of the machine.</summary>
/// <param name="Registers">Of a thread.</param>
/// <param name="SharedBytes">Static shared memory of a block; from compute capability 9.0 on with the kibibyte that the system keeps, where there is any.</param>
/// <param name="FrameBytes">Stack of a thread in local memory: arrays that are indexed at run time, and registers that were spilt. 0 means that nothing was.</param>
public sealed record CubinResources(int Registers, int SharedBytes, int FrameBytes);
