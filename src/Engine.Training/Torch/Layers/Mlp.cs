namespace Engine.Training.Torch.Layers;

/// <summary>Linear layers with ReLU between them, none after the last. Names are those of a PyTorch Sequential: <c>0</c>, <c>2</c>, <c>4</c>, ….</summary>
public sealed class Mlp : Module
{
    private readonly Linear[] _layers;

    /// <summary>Takes the layers over.</summary>
    /// <exception cref="ArgumentException">No layers are given.</exception>
    public Mlp(params ReadOnlySpan<Linear> layers)
    {
        if (layers.IsEmpty) throw new ArgumentException("an MLP has at least one layer", nameof(layers));
        _layers = layers.ToArray();
        for (int i = 0; i < _layers.Length; i++) Child($"{2 * i}", _layers[i]);
    }

    /// <summary>[…, in] → […, out].</summary>
    public Tensor Forward(Tensor x)
    {
        for (int i = 0; i < _layers.Length - 1; i++) x = _layers[i].Forward(x).Relu();
        return _layers[^1].Forward(x);
    }
}
