namespace Engine.Training.Torch.Layers;

/// <summary>A table of vectors, normal with mean 0 at first.</summary>
public sealed class Embedding : Module
{
    /// <summary>A table of <paramref name="count"/> vectors of <paramref name="dim"/> numbers.</summary>
    public Embedding(WeightInitialiser init, long count, long dim, double std = 1) => Weight = Parameter("weight", init.Normal(std, count, dim));

    /// <summary>[count, dim].</summary>
    public Tensor Weight { get; }

    /// <summary>Int64 indices in [0, count), any shape → [shape…, dim].</summary>
    public Tensor Forward(Tensor indices) => Functional.Embedding(Weight, indices);
}
