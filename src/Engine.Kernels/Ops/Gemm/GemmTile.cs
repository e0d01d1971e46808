using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>How large a piece of a product one block of the device computes, and how.</summary>
/// <param name="Rows">Rows of the product.</param>
/// <param name="Columns">Columns of it.</param>
/// <param name="Stages">Slices of the factors in shared memory: one being multiplied, the others on their way.</param>
/// <param name="BlocksPerMultiprocessor">Blocks that the registers must leave room for.</param>
public sealed record GemmTile(int Rows, int Columns, int Stages, int BlocksPerMultiprocessor)
{
    /// <summary>Bytes of a row of a factor in one slice: 64 numbers of 16 bits, 128 of 8.</summary>
    public const int RowBytes = 128;

    /// <summary>Warps along the rows and along the columns.</summary>
    public const int Warps = 2;

    /// <summary>Threads in a block.</summary>
    public const int Threads = 32 * Warps * Warps;

    /// <summary>Most work for each byte; for products with enough tiles to fill the device.</summary>
    public static readonly GemmTile Large = new(128, 128, 3, 2);

    /// <summary>Twice as many tiles; for a few hundred rows.</summary>
    public static readonly GemmTile Medium = new(128, 64, 4, 2);

    /// <summary>Four times as many.</summary>
    public static readonly GemmTile Small = new(64, 64, 4, 3);

    /// <summary>All of them, largest first.</summary>
    public static readonly IReadOnlyList<GemmTile> All = [Large, Medium, Small];

    /// <summary>Shared memory of a block, bytes.</summary>
    public int SharedBytes => Stages * (Rows + Columns) * RowBytes;

    /// <summary>Registers that a thread may take so that <see cref="BlocksPerMultiprocessor"/> fit: of 65536, eight at a time, 255 at most.</summary>
    public int RegisterBudget => Math.Min(255, 65536 / (Threads * BlocksPerMultiprocessor) / 8 * 8);

    internal IEnumerable<CudaDefine> Defines =>
    [
        new("ENG_TILE_M", Rows), new("ENG_TILE_N", Columns), new("ENG_ROW_BYTES", RowBytes), new("ENG_STAGES", Stages),
        new("ENG_WARPS_M", Warps), new("ENG_WARPS_N", Warps), new("ENG_BLOCKS_PER_SM", BlocksPerMultiprocessor),
    ];
}
