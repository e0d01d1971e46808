namespace Engine.Training.Torch.Layers;

/// <summary>x·Wᵀ + b over the last axis, with PyTorch's default initialisation.</summary>
public sealed class Linear : Module
{
    /// <summary>A layer [in] → [out].</summary>
    public Linear(WeightInitialiser init, long inFeatures, long outFeatures, bool bias = true)
        : this(init.KaimingUniform(outFeatures, inFeatures), bias ? init.Bias(inFeatures, outFeatures) : null)
    {
    }

    /// <summary>A layer with given first values, which it takes over.</summary>
    /// <param name="weight">[out, in].</param>
    /// <param name="bias">[out], or null for none.</param>
    public Linear(Tensor weight, Tensor? bias)
    {
        Weight = Parameter("weight", weight);
        Bias = bias is null ? null : Parameter("bias", bias);
    }

    /// <summary>[out, in].</summary>
    public Tensor Weight { get; }

    /// <summary>[out], or null.</summary>
    public Tensor? Bias { get; }

    /// <summary>[…, in] → […, out].</summary>
    public Tensor Forward(Tensor x) => Functional.Linear(x, Weight, Bias);
}
