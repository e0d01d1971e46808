using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>How large a piece of a product one block of the device computes, and how.</summary>
/// <param name="Rows">Rows of the product.</param>
/// <param name="Columns">Columns of it.</param>
/// <param name="Stages">Slices of the factors in shared memory: one being multiplied, the others on their way.</param>
/// <param name="BlocksPerMultiprocessor">Blocks that the registers must leave room for.</param>
/// <param name="Warpgroups">Whether it is multiplied by Hopper's warp-group instructions (sm_90a; bfloat16 or e4m3) instead of those that every device since Ampere has.</param>
public sealed record GemmTile(int Rows, int Columns, int Stages, int BlocksPerMultiprocessor, bool Warpgroups = false)
{
    /// <summary>Bytes of a row of a factor in one slice: 64 numbers of 16 bits, 128 of 8.</summary>
    public const int RowBytes = 128;

    /// <summary>The address that the stages of warp groups begin at is a multiple of this; as many bytes are asked for on top.</summary>
    private const int WarpgroupAlignment = 1024;

    /// <summary>Hopper's own, whose operands never pass the registers; alone on its multiprocessor.</summary>
    public static readonly GemmTile Warpgroup = new(128, 256, 4, 1, Warpgroups: true);

    /// <summary>Most work for each byte; for products with enough tiles to fill the device.</summary>
    public static readonly GemmTile Large = new(128, 128, 3, 2);

    /// <summary>Twice as many tiles; for a few hundred rows.</summary>
    public static readonly GemmTile Medium = new(128, 64, 4, 2);

    /// <summary>Four times as many.</summary>
    public static readonly GemmTile Small = new(64, 64, 4, 3);

    /// <summary>Those for every device, largest first.</summary>
    public static readonly IReadOnlyList<GemmTile> All = [Large, Medium, Small];

    /// <summary>Those for Hopper, largest first.</summary>
    public static readonly IReadOnlyList<GemmTile> AllOfHopper = [Warpgroup, .. All];

    private static readonly IReadOnlyList<GemmTile> s_warpgroup = [Warpgroup], s_float32 = [Small];

    /// <summary>Threads in a block: four warps, or two warp groups.</summary>
    public int Threads => Warpgroups ? 256 : 128;

    /// <summary>Shared memory of a block, bytes.</summary>
    public int SharedBytes => Stages * (Rows + Columns) * RowBytes + (Warpgroups ? WarpgroupAlignment : 0);

    /// <summary>Registers that a thread may take so that <see cref="BlocksPerMultiprocessor"/> fit: of 65536, eight at a time, 255 at most.</summary>
    public int RegisterBudget => Math.Min(255, 65536 / (Threads * BlocksPerMultiprocessor) / 8 * 8);

    /// <summary>
    /// What a product may take on a device: factors in binary16, or another device than Hopper, have no warp groups. Their tensor cores add in another order
    /// than the others', so that a row's bits depend on which of the two is taken; <paramref name="warpgroups"/> can fix it.
    /// </summary>
    internal static IReadOnlyList<GemmTile> For(CudaDeviceInfo device, GemmInput input, bool? warpgroups) =>
        input == GemmInput.Float32 ? s_float32
        : warpgroups == false || device.Architecture != "sm_90a" || input == GemmInput.Half ? All
        : warpgroups == true ? s_warpgroup : AllOfHopper;

    /// <summary>What it is compiled for.</summary>
    internal IReadOnlyList<string> Architectures => Warpgroups ? ["sm_90a"] : CudaKernel.AllArchitectures;

    internal IEnumerable<CudaDefine> Defines =>
    [
        new("ENG_TILE_M", Rows), new("ENG_TILE_N", Columns), new("ENG_ROW_BYTES", RowBytes), new("ENG_STAGES", Stages), new("ENG_WARPGROUP", Warpgroups ? 1 : 0),
        new("ENG_WARPS_M", Warpgroups ? 8 : 2), new("ENG_WARPS_N", Warpgroups ? 1 : 2), new("ENG_BLOCKS_PER_SM", BlocksPerMultiprocessor),
    ];
}
