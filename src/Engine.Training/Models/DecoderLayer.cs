using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>One pre-norm layer of a causal transformer decoder: self-attention, then an MLP of four times the width (GELU, tanh form).</summary>
public sealed class DecoderLayer : Module
{
    private readonly LayerNorm _norm1, _norm2;
    private readonly Linear _qkv, _out, _up, _down;
    private readonly int _dim, _heads;

    public DecoderLayer(WeightInitialiser initialiser, int dim, int heads)
    {
        (_dim, _heads) = (dim, heads);
        _norm1 = Child("norm1", new LayerNorm(dim));
        _qkv = Child("qkv", new Linear(initialiser, dim, 3 * dim, bias: false));
        _out = Child("out", new Linear(initialiser, dim, dim));
        _norm2 = Child("norm2", new LayerNorm(dim));
        _up = Child("up", new Linear(initialiser, dim, 4 * dim));
        _down = Child("down", new Linear(initialiser, 4 * dim, dim));
    }

    /// <summary>Whole sequences [B, T, D] under an additive mask [T, T].</summary>
    public Tensor Forward(Tensor x, Tensor mask) => Prefill(x, mask).Output;

    /// <summary>As <see cref="Forward"/>; also gives the keys and values [B, heads, T, D/heads] for a cache.</summary>
    public (Tensor Output, (Tensor Keys, Tensor Values) Cache) Prefill(Tensor x, Tensor mask)
    {
        var (q, k, v) = Project(x);
        return (Finish(x, Attend(q, k, v, mask)), (k, v));
    }

    /// <summary>One more token [B, 1, D] after the cached ones; gives the extended cache.</summary>
    public (Tensor Output, (Tensor Keys, Tensor Values) Cache) Extend(Tensor x, (Tensor Keys, Tensor Values) cache)
    {
        var (q, k, v) = Project(x);
        k = Tensor.Cat(2, cache.Keys, k);
        v = Tensor.Cat(2, cache.Values, v);
        return (Finish(x, Attend(q, k, v, null)), (k, v));
    }

    private (Tensor Q, Tensor K, Tensor V) Project(Tensor x)
    {
        long b = x.Size(0), t = x.Size(1);
        var qkv = _qkv.Forward(_norm1.Forward(x)).Reshape(b, t, 3, _heads, _dim / _heads).Permute(2, 0, 3, 1, 4);
        return (qkv.Select(0, 0), qkv.Select(0, 1), qkv.Select(0, 2));
    }

    private Tensor Attend(Tensor q, Tensor k, Tensor v, Tensor? mask)
    {
        var scores = q.MatMul(k.Transpose(-2, -1)) * (1 / Math.Sqrt(_dim / (double)_heads));
        if (mask is not null) scores = scores + mask;
        return scores.Softmax(-1).MatMul(v);
    }

    private Tensor Finish(Tensor x, Tensor attended)
    {
        long b = x.Size(0), t = x.Size(1);
        x = x + _out.Forward(attended.Transpose(1, 2).Reshape(b, t, _dim));
        return x + _down.Forward(_up.Forward(_norm2.Forward(x)).Gelu());
    }
}
