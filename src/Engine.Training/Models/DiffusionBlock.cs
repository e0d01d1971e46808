using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>
/// One DiT block (Peebles and Xie, arXiv 2212.09748) on tokens [B, T, N, D]: attention over the N tokens of a frame, or over the T frames
/// at one place, then an MLP, each modulated and gated by the conditioning.
/// </summary>
public sealed class DiffusionBlock : Module
{
    private readonly Linear _modulation, _qkv, _out, _up, _down;
    private readonly int _dim, _heads;

    public DiffusionBlock(WeightInitialiser initialiser, int dim, int heads)
    {
        (_dim, _heads) = (dim, heads);
        _modulation = Child("adaLN_modulation.1", new Linear(initialiser, dim, 6 * dim));
        _qkv = Child("attn.qkv_proj", new Linear(initialiser, dim, 3 * dim, bias: false));
        _out = Child("attn.out_proj", new Linear(initialiser, dim, dim));
        _up = Child("ffwd.0", new Linear(initialiser, dim, 4 * dim));
        _down = Child("ffwd.2", new Linear(initialiser, 4 * dim, dim));
        using var noGrad = new NoGrad();
        foreach (var (_, parameter) in _modulation.NamedParameters()) parameter.ZeroInPlace();
    }

    /// <param name="x">Tokens [B, T, N, D].</param>
    /// <param name="condition">SiLU of the conditioning [B, T, D].</param>
    /// <param name="temporal">Attend over T at each place instead of over N in each frame.</param>
    /// <param name="cos">Rotary cosines [positions, D/heads].</param>
    /// <param name="sin">Signed rotary sines.</param>
    /// <param name="mask">Additive mask [T, T] or null.</param>
    public Tensor Forward(Tensor x, Tensor condition, bool temporal, Tensor cos, Tensor sin, Tensor? mask)
    {
        var m = _modulation.Forward(condition).Unsqueeze(2).Chunk(6, 3);
        x = x + Attend(Modulate(x, m[0], m[1]), temporal, cos, sin, mask) * m[2];
        return x + _down.Forward(FusedOperations.FastGelu(_up.Forward(Modulate(x, m[3], m[4])))) * m[5];
    }

    private Tensor Modulate(Tensor x, Tensor shift, Tensor scale) => Functional.LayerNorm(x, _dim, null, null, 1e-6) * (scale + 1) + shift;

    private Tensor Attend(Tensor x, bool temporal, Tensor cos, Tensor sin, Tensor? mask)
    {
        long b = x.Size(0), t = x.Size(1), n = x.Size(2);
        var qkv = _qkv.Forward(x).Reshape(b, t, n, 3, _heads, _dim / _heads);
        return _out.Forward(FusedOperations.SmallAttention(qkv, cos, sin, mask, temporal));
    }
}
