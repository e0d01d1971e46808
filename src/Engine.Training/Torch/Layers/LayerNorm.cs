namespace Engine.Training.Torch.Layers;

/// <summary>Normalisation of the last axis (Ba et al. 2016), with a weight of ones and a bias of zeros at first, or without either.</summary>
public sealed class LayerNorm : Module
{
    private readonly long _dim;
    private readonly double _eps;

    /// <summary>A layer over […, dim].</summary>
    public LayerNorm(long dim, bool affine = true, double eps = 1e-5)
    {
        _dim = dim;
        _eps = eps;
        if (!affine) return;
        Weight = Parameter("weight", Tensor.Ones(dim));
        Bias = Parameter("bias", Tensor.Zeros(dim));
    }

    /// <summary>[dim], or null.</summary>
    public Tensor? Weight { get; }

    /// <summary>[dim], or null.</summary>
    public Tensor? Bias { get; }

    /// <summary>[…, dim] → the same shape.</summary>
    public Tensor Forward(Tensor x) => Functional.LayerNorm(x, _dim, Weight, Bias, _eps);
}
