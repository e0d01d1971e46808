using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Algorithms.Models;

/// <summary>The value V(s) of a state from pooled features: an MLP with ReLU. Weights are orthogonal with gain √2 at first, biases zero.</summary>
public sealed class ValueCritic : Module
{
    private readonly Mlp _net;

    /// <summary>A critic with random weights.</summary>
    /// <param name="init">Source of the weights.</param>
    /// <param name="stateDim">Numbers of a state.</param>
    /// <param name="hidden">Widths of the hidden layers; none makes the value linear.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive.</exception>
    public ValueCritic(WeightInitialiser init, long stateDim, params ReadOnlySpan<long> hidden)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stateDim);
        var layers = new Linear[hidden.Length + 1];
        long inputs = stateDim;
        for (int i = 0; i < layers.Length; i++)
        {
            long outputs = i < hidden.Length ? hidden[i] : 1;
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs, nameof(hidden));
            layers[i] = new Linear(init.Orthogonal([outputs, inputs], Math.Sqrt(2)), Tensor.Zeros(outputs));
            inputs = outputs;
        }

        _net = Child("net", new Mlp(layers));
    }

    /// <summary>[…, stateDim] → […], one value a state.</summary>
    public Tensor Forward(Tensor state) => _net.Forward(state).Squeeze(-1);
}
