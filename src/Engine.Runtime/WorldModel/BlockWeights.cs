using Engine.Kernels.Ops.Gemm;

namespace Engine.Runtime.WorldModel;

/// <summary>One transformer block without its modulation, which stands with all others' in one matrix.</summary>
internal sealed record BlockWeights(PackedLinear Qkv, PackedLinear Out, PackedLinear Expand, PackedLinear Contract) : IDisposable
{
    public void Dispose()
    {
        Qkv.Dispose();
        Out.Dispose();
        Expand.Dispose();
        Contract.Dispose();
    }
}
