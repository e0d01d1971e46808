using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Benchmarks;

/// <summary>One of our ways of dreaming the same frames.</summary>
/// <param name="Mode">What happens when the window slides.</param>
/// <param name="Precision">What the blocks' projections are rounded to.</param>
/// <param name="OnDevice">Whether it dreams on the GPU.</param>
internal readonly record struct DreamWay(DreamMode Mode, GemmPrecision Precision = GemmPrecision.Float32, bool OnDevice = false)
{
    /// <summary>The same frames on the processor, unrounded, each window seen whole.</summary>
    public static DreamWay Reference { get; } = new(DreamMode.Exact);

    /// <summary>What frames on the GPU may differ from the processor's by before something is wrong: root mean square over that of the frames.</summary>
    public double Tolerance => Precision switch { GemmPrecision.Float32 => 1e-4, GemmPrecision.BFloat16 => 0.02, _ => 0.2 };

    /// <inheritdoc/>
    public override string ToString() => (Mode == DreamMode.Exact ? "exact" : "streaming") + (Precision == GemmPrecision.Float32 ? "" : $", {Precision.ToString().ToLowerInvariant()}") + (OnDevice ? ", GPU" : "");
}
