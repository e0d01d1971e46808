using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>How a product is shared out among blocks of a device: a tile each, or, where there are too few tiles to fill it, a part of the sum of a tile.</summary>
/// <param name="Tile">The tile.</param>
/// <param name="Tiles">Tiles in the product.</param>
/// <param name="Splits">Blocks that share a tile's sum.</param>
public readonly record struct GemmPlan(GemmTile Tile, int Tiles, int Splits)
{
    // What one multiprocessor of Hopper does in a clock, in operations by mma.sync and by warp groups (of 4096, less what shared memory costs) and in bytes out
    // of the second-level cache while all the others ask too; clocks until the first slice is there; clocks that the last block of a split tile waits for
    // others and for the counter. Estimates, to be replaced by what is measured.
    private const double OperationsPerClock = 2600, WarpgroupOperationsPerClock = 3500, BytesPerClock = 40, Start = 1000, Meeting = 1500;

    /// <summary>Fewest slices of a sum that a block is worth.</summary>
    private const int LeastSlices = 4;

    private static readonly int[] s_splits = [1, 2, 3, 4, 6, 8];

    /// <summary>Blocks of the launch.</summary>
    public CudaGrid Grid => new(Tiles, Splits);

    /// <summary>Numbers of workspace that the parts of split tiles take.</summary>
    public long WorkspaceLength => Splits == 1 ? 0 : (long)Tiles * Splits * Tile.Rows * Tile.Columns;

    /// <summary>Counters that split tiles take.</summary>
    public int Counters => Splits == 1 ? 0 : Tiles;

    /// <summary>The plan that <see cref="Clocks"/> thinks fastest; the larger tile and the fewer splits among equals.</summary>
    /// <param name="rows">M.</param>
    /// <param name="outputs">N.</param>
    /// <param name="inputBytes">K in bytes.</param>
    /// <param name="multiprocessors">Of the device.</param>
    /// <param name="tiles">What may be taken; null: <see cref="GemmTile.All"/>.</param>
    /// <param name="fixedSplits">The number of splits, where it is not to be chosen.</param>
    public static GemmPlan For(int rows, int outputs, int inputBytes, int multiprocessors, IReadOnlyList<GemmTile>? tiles = null, int? fixedSplits = null)
    {
        GemmPlan best = default;
        double least = double.PositiveInfinity;
        foreach (GemmTile tile in tiles ?? GemmTile.All)
        {
            foreach (int splits in s_splits)
            {
                if (fixedSplits is { } wanted && splits != wanted) continue;
                if (fixedSplits is null && splits > 1 && Slices(inputBytes) < splits * LeastSlices) break;
                GemmPlan plan = With(tile, rows, outputs, splits);
                double clocks = plan.Clocks(inputBytes, multiprocessors);
                if (clocks >= least) continue;
                best = plan;
                least = clocks;
            }
        }

        return best;
    }

    /// <summary>A given tile.</summary>
    public static GemmPlan With(GemmTile tile, int rows, int outputs, int splits = 1) =>
        new(tile, checked(Up(rows, tile.Rows) * Up(outputs, tile.Columns)), splits);

    /// <summary>
    /// What the product takes on Hopper, clocks, after a roofline: the busiest multiprocessor's blocks, each limited by its operations or by its bytes from the second-level
    /// cache, and behind that the parts written and read. For choosing, not for promising.
    /// </summary>
    public double Clocks(int inputBytes, int multiprocessors)
    {
        double operations = 2.0 * Tile.Rows * Tile.Columns * GemmTile.RowBytes / 2, bytes = (Tile.Rows + Tile.Columns) * GemmTile.RowBytes;
        double slice = Math.Max(operations / (Tile.Warpgroups ? WarpgroupOperationsPerClock : OperationsPerClock), bytes / BytesPerClock), part = Tile.Rows * Tile.Columns * sizeof(float) / BytesPerClock;
        int rounds = Up(Tiles * Splits, multiprocessors);
        double clocks = Start + rounds * Up(Slices(inputBytes), Splits) * slice;
        // Alone on its multiprocessor, a block has nobody to multiply while it writes its results.
        if (Tile.BlocksPerMultiprocessor == 1) clocks += rounds * part;
        return Splits == 1 ? clocks : clocks + Meeting + (rounds + Splits) * part;
    }

    private static int Slices(int inputBytes) => Up(inputBytes, GemmTile.RowBytes);

    private static int Up(int count, int size) => (count + size - 1) / size;
}
