namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// What of a device is made use of: everything that it has, but for what the environment variable <c>ENGINE_CUDA_WITHOUT</c> names (<c>overlap</c>, <c>warpgroups</c>, or both with a comma
/// between). For telling which of them is at fault where numbers are wrong, and for going on without it.
/// </summary>
/// <param name="Overlap">Whether kernels may begin before the one before them has ended.</param>
/// <param name="Warpgroups">Whether products may take Hopper's warp-group instructions.</param>
public sealed record CudaFeatures(bool Overlap, bool Warpgroups)
{
    /// <summary>The variable.</summary>
    public const string Variable = "ENGINE_CUDA_WITHOUT";

    /// <summary>The features of a device without those that are named.</summary>
    /// <param name="device">The device.</param>
    /// <param name="without">Names with commas between; null or empty: none.</param>
    /// <exception cref="CudaException">A name is not known.</exception>
    public static CudaFeatures Of(CudaDeviceInfo device, string? without)
    {
        string[] names = (without ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        foreach (string name in names)
        {
            if (name is not ("overlap" or "warpgroups")) throw new CudaException(Variable, -1, $"{Variable} names '{name}'; expected overlap, warpgroups, or both with a comma between.");
        }

        return new CudaFeatures(device.Major >= 9 && !names.Contains("overlap"), device.Architecture == "sm_90a" && !names.Contains("warpgroups"));
    }
}
