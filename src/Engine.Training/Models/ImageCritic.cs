using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>
/// Critic in the dream: the value of an image, an instruction and extra numbers (state and time), by an <see cref="ImageTrunk"/> of its
/// own and a two-layer MLP (SiLU).
/// </summary>
public sealed class ImageCritic : Module
{
    private readonly Linear _hidden1, _hidden2, _output;

    /// <param name="initialiser">Source of the initial weights.</param>
    /// <param name="architecture">Sizes of text, image and trunk: those of the policy, so that its perception can be taken over.</param>
    /// <param name="extra">Extra numbers E taken beside the image and the instruction.</param>
    public ImageCritic(WeightInitialiser initialiser, VlaArchitecture architecture, int extra)
    {
        var a = architecture;
        Text = Child("text", new TextEncoder(initialiser, a.Tokens, a.MaxWords, a.TextWidth));
        Trunk = Child("trunk", new ImageTrunk(initialiser, a.TextWidth, a.ImageSize, a.Channels, a.Keypoints));
        _hidden1 = Child("hidden1", new Linear(initialiser, Trunk.Width + Text.Width + extra, a.Hidden));
        _hidden2 = Child("hidden2", new Linear(initialiser, a.Hidden, a.Hidden));
        _output = Child("output", new Linear(initialiser, a.Hidden, 1));
    }

    public TextEncoder Text { get; }

    public ImageTrunk Trunk { get; }

    /// <summary>Values [B] of images [B, 3, H, W] in [−1, 1], tokens [B, W] and extra numbers [B, E].</summary>
    public Tensor Forward(Tensor images, Tensor tokens, Tensor extra)
    {
        var text = Text.Forward(tokens);
        var x = Tensor.Cat(1, Trunk.Forward(images, text), text, extra);
        return _output.Forward(_hidden2.Forward(_hidden1.Forward(x).Silu()).Silu()).Squeeze(1);
    }

    /// <summary>Scales the last layer, so that a critic starts near zero.</summary>
    public void ScaleOutput(double factor)
    {
        using var noGrad = new NoGrad();
        foreach (var (_, parameter) in _output.NamedParameters()) parameter.MulInPlace(factor);
    }
}
