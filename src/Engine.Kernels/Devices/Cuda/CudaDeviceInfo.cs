namespace Engine.Kernels.Devices.Cuda;

/// <summary>What a device is.</summary>
/// <param name="Ordinal">Its number.</param>
/// <param name="Name">Its name.</param>
/// <param name="Major">Compute capability, before the point.</param>
/// <param name="Minor">Compute capability, behind the point.</param>
/// <param name="MemoryBytes">Memory in all.</param>
/// <param name="Multiprocessors">Streaming multiprocessors.</param>
/// <param name="SharedBytesPerBlock">Most shared memory that a block can ask for (opt-in).</param>
/// <param name="Pools">Whether it has stream-ordered memory pools.</param>
public sealed record CudaDeviceInfo(
    int Ordinal, string Name, int Major, int Minor, long MemoryBytes, int Multiprocessors, int SharedBytesPerBlock, bool Pools)
{
    /// <summary>What to compile for: <c>sm_80</c>; <c>sm_90a</c> on Hopper, whose tensor cores need the architecture's own instructions.</summary>
    public string Architecture => (Major, Minor) == (9, 0) ? "sm_90a" : $"sm_{Major}{Minor}";

    /// <summary>Whether kernels exist for it.</summary>
    public bool Supported => Major >= 8;
}
