using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>
/// Value of a dream's state: a three-layer MLP (SiLU) of what the success classifier makes of it and of the share of the time that is used. The
/// classifier has looked at every frame anyway, so the critic needs no convolutions of its own.
/// </summary>
public sealed class DreamCritic : Module
{
    private readonly Linear _hidden1, _hidden2, _output;

    /// <param name="initialiser">Source of the initial weights; the output starts near 0.</param>
    /// <param name="inputs">Numbers of a state, E.</param>
    /// <param name="hidden">Width of the hidden layers.</param>
    public DreamCritic(WeightInitialiser initialiser, int inputs, int hidden = 256)
    {
        _hidden1 = Child("hidden1", new Linear(initialiser, inputs, hidden));
        _hidden2 = Child("hidden2", new Linear(initialiser, hidden, hidden));
        _output = Child("output", new Linear(initialiser, hidden, 1));
        using var noGrad = new NoGrad();
        foreach (var (_, parameter) in _output.NamedParameters()) parameter.MulInPlace(0.1);
    }

    /// <summary>Values [B] of states [B, E].</summary>
    public Tensor Forward(Tensor states) => _output.Forward(_hidden2.Forward(_hidden1.Forward(states).Silu()).Silu()).Squeeze(1);
}
