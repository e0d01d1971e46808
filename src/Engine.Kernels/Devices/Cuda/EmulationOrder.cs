namespace Engine.Kernels.Devices.Cuda;

/// <summary>In what order the emulation runs threads and blocks. Where results differ, a barrier is missing.</summary>
public enum EmulationOrder
{
    /// <summary>The first warp as far as it can go, then the next; asynchronous copies happen at their wait.</summary>
    Ascending,

    /// <summary>The last warp and the last block first; asynchronous copies happen at once.</summary>
    Descending,

    /// <summary>Lanes, warps and blocks by chance, a step at a time; asynchronous copies now or at their wait.</summary>
    Shuffled,
}
