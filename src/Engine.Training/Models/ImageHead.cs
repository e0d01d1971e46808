using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>
/// Image, instruction and extra numbers to a few outputs: an <see cref="ImageTrunk"/> of its own and a two-layer MLP (SiLU).
/// Serves as the success classifier (one logit, no extra numbers) and as the critic in the dream (one value; state and time as extra).
/// </summary>
public sealed class ImageHead : Module
{
    private readonly Linear _hidden1, _hidden2, _output;
    private readonly int _extra;

    public ImageHead(WeightInitialiser initialiser, int tokens, int maxWords, int outputs, int extra = 0, int imageSize = 64, int hidden = 256)
    {
        _extra = extra;
        Text = Child("text", new TextEncoder(initialiser, tokens, maxWords));
        Trunk = Child("trunk", new ImageTrunk(initialiser, Text.Width, imageSize));
        FeatureWidth = Trunk.Width + Text.Width;
        _hidden1 = Child("hidden1", new Linear(initialiser, FeatureWidth + extra, hidden));
        _hidden2 = Child("hidden2", new Linear(initialiser, hidden, hidden));
        _output = Child("output", new Linear(initialiser, hidden, outputs));
    }

    public TextEncoder Text { get; }

    public ImageTrunk Trunk { get; }

    /// <summary>Width of <see cref="Features"/>: image features, then the instruction vector.</summary>
    public int FeatureWidth { get; }

    /// <summary>[B, 3K + E] features of images [B, 3, H, W] and tokens [B, W].</summary>
    public Tensor Features(Tensor images, Tensor tokens)
    {
        var text = Text.Forward(tokens);
        return Tensor.Cat(1, Trunk.Forward(images, text), text);
    }

    /// <summary>Outputs [B, outputs] from features and extra numbers [B, extra] (null when there are none).</summary>
    public Tensor FromFeatures(Tensor features, Tensor? extra)
    {
        if (extra is null != (_extra == 0)) throw new ArgumentException($"extra is {(extra is null ? "absent" : "present")}; expected {_extra} numbers.");
        var x = extra is null ? features : Tensor.Cat(1, features, extra);
        return _output.Forward(_hidden2.Forward(_hidden1.Forward(x).Silu()).Silu());
    }

    /// <summary>Outputs [B, outputs].</summary>
    public Tensor Forward(Tensor images, Tensor tokens, Tensor? extra = null) => FromFeatures(Features(images, tokens), extra);

    /// <summary>Scales the last layer, so that a critic starts near zero.</summary>
    public void ScaleOutput(double factor)
    {
        using var noGrad = new NoGrad();
        foreach (var (_, parameter) in _output.NamedParameters()) parameter.MulInPlace(factor);
    }
}
