using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>One of our ways of dreaming the same frames.</summary>
/// <param name="Mode">What happens when the window slides.</param>
/// <param name="Precision">What the blocks' projections are rounded to.</param>
/// <param name="OnDevice">Whether it dreams on the GPU, where matrices are bfloat16.</param>
internal readonly record struct DreamWay(DreamMode Mode, GemmPrecision Precision = GemmPrecision.Float32, bool OnDevice = false)
{
    /// <inheritdoc/>
    public override string ToString() => (Mode == DreamMode.Exact ? "exact" : "streaming") + (Precision == GemmPrecision.BFloat16 ? ", bfloat16" : "") + (OnDevice ? ", GPU" : "");
}
