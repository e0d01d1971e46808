using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.SpatialAttention;

/// <summary>How the queries of frames and heads are shared out among blocks of a device.</summary>
/// <param name="Warps">Warps in a block.</param>
/// <param name="RowBlocks">Times 16 queries that a warp keeps in registers.</param>
/// <param name="BlocksPerMultiprocessor">Blocks that the registers must leave room for.</param>
/// <param name="Grid">Blocks: of queries, heads, frames.</param>
public readonly record struct SpatialAttentionPlan(int Warps, int RowBlocks, int BlocksPerMultiprocessor, CudaGrid Grid)
{
    // The more queries share keys and values the fewer bytes they take; outputs of heads wider than 64 leave no registers for a second row block.
    private static readonly (int Warps, int RowBlocks, int BlocksPerMultiprocessor)[] s_narrow = [(4, 2, 2), (4, 1, 3), (2, 1, 6)], s_wide = [(8, 1, 1), (4, 1, 2), (2, 1, 4)];

    /// <summary>Queries of a block.</summary>
    public int Queries => 16 * Warps * RowBlocks;

    /// <summary>The most queries a block that still give each multiprocessor a block, and that a frame fills; else the fewest.</summary>
    public static SpatialAttentionPlan For(int frames, int tokens, int heads, int headWidth, int multiprocessors)
    {
        IReadOnlyList<SpatialAttentionPlan> plans = All(frames, tokens, heads, headWidth);
        foreach (SpatialAttentionPlan plan in plans)
        {
            if (plan.Queries <= tokens && (long)plan.Grid.X * plan.Grid.Y * plan.Grid.Z >= multiprocessors) return plan;
        }

        return plans[^1];
    }

    /// <summary>All plans for a shape, most queries a block first.</summary>
    public static IReadOnlyList<SpatialAttentionPlan> All(int frames, int tokens, int heads, int headWidth) =>
    [
        .. (headWidth > 64 ? s_wide : s_narrow).Select(shape =>
        {
            int queries = 16 * shape.Warps * shape.RowBlocks;
            return new SpatialAttentionPlan(shape.Warps, shape.RowBlocks, shape.BlocksPerMultiprocessor, new CudaGrid((tokens + queries - 1) / queries, heads, frames));
        }),
    ];
}
