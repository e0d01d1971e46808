using Engine.Kernels.Ops.Gemm;

namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>One transformer block on a device without its modulation, which stands with all others' in one matrix.</summary>
internal sealed record CudaBlock(CudaLinear Qkv, CudaLinear Out, CudaLinear Expand, CudaLinear Contract)
{
    public IEnumerable<CudaLinear> All => [Qkv, Out, Expand, Contract];
}
