namespace Engine.Kernels.Devices.Cuda;

/// <summary>Blocks of a launch on three axes; the threads of a block lie on the first axis only.</summary>
/// <param name="X">1 … 2³¹ − 1.</param>
/// <param name="Y">1 … 65535.</param>
/// <param name="Z">1 … 65535.</param>
public readonly record struct CudaGrid(int X, int Y = 1, int Z = 1)
{
    /// <summary>Enough blocks of <paramref name="perBlock"/> for <paramref name="count"/> things.</summary>
    public static CudaGrid Cover(long count, int perBlock) => new(checked((int)((count + perBlock - 1) / perBlock)));

    /// <inheritdoc/>
    public override string ToString() => $"{X}×{Y}×{Z}";
}
