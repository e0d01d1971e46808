using Engine.Kernels.Ops.Gemm;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>One transformer block on a device without its modulation, which stands with all others' in one matrix.</summary>
internal sealed record CudaBlock(CudaLinear Qkv, CudaLinear Out, CudaLinear Expand, CudaLinear Contract)
{
    /// <summary>In e4m3: the greatest length of a row of <see cref="Expand"/>'s weight, and the greatest magnitude in its bias.</summary>
    public (float Norm, float Bias) Greatest { get; init; }

    public IEnumerable<CudaLinear> All => [Qkv, Out, Expand, Contract];
}
