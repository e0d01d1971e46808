using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>
/// Operations of our own with gradients (native/torch/fused.cpp), for the small groups that batched matrix products of libtorch are slow at on the
/// processor; elsewhere the same by libtorch's operations. float32.
/// </summary>
public static class FusedOperations
{
    /// <summary>
    /// Rotary self-attention within groups of tokens: soft-max(q·kᵀ/√width + mask)·v with q and k rotated, one pass, nothing kept but the input.
    /// </summary>
    /// <param name="qkv">[B, T, N, 3, heads, width].</param>
    /// <param name="cos">Rotary cosines [L, width]; L = N over space, T over time.</param>
    /// <param name="sin">Signed rotary sines [L, width]: rotated[c] = x[c]·cos[c] + x[c xor 1]·sin[c].</param>
    /// <param name="mask">Additive mask [L, L], or null.</param>
    /// <param name="temporal">Attend over T at each place instead of over N in each frame.</param>
    /// <returns>[B, T, N, heads·width].</returns>
    /// <exception cref="TorchException">Shapes or type do not fit.</exception>
    public static Tensor SmallAttention(Tensor qkv, Tensor cos, Tensor sin, Tensor? mask, bool temporal)
    {
        int status = FusedNative.eng_torch_small_attention(qkv.Handle, cos.Handle, sin.Handle, mask?.Handle ?? 0, temporal ? 1 : 0, out nint result);
        GC.KeepAlive(qkv);
        GC.KeepAlive(cos);
        GC.KeepAlive(sin);
        GC.KeepAlive(mask);
        return status == 0 ? new Tensor(result) : throw new TorchException($"SmallAttention: {TorchNative.LastError()}");
    }

    /// <summary>GELU in its tanh form (Hendrycks and Gimpel, arXiv 1606.08415), any shape; within 1e-6 of the definition.</summary>
    public static Tensor FastGelu(Tensor x)
    {
        int status = FusedNative.eng_torch_fast_gelu(x.Handle, out nint result);
        GC.KeepAlive(x);
        return status == 0 ? new Tensor(result) : throw new TorchException($"FastGelu: {TorchNative.LastError()}");
    }
}
