using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>One of our ways of dreaming the same frames.</summary>
/// <param name="Mode">What happens when the window slides.</param>
/// <param name="Precision">What the blocks' projections are rounded to.</param>
internal readonly record struct DreamWay(DreamMode Mode, GemmPrecision Precision = GemmPrecision.Float32)
{
    /// <inheritdoc/>
    public override string ToString() => (Mode == DreamMode.Exact ? "exact" : "streaming") + (Precision == GemmPrecision.BFloat16 ? ", bfloat16" : "");
}
