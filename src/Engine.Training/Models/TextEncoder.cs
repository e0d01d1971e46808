using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>
/// Words to one vector: token and position embeddings, one SiLU layer a word, mean over the words that are not padding.
/// The layer before the mean makes the result depend on the order of the words.
/// </summary>
public sealed class TextEncoder : Module
{
    private readonly Embedding _words, _positions;
    private readonly Linear _mix;

    /// <param name="initialiser">Source of the initial weights.</param>
    /// <param name="tokens">Number of token ids: vocabulary + padding (0) + unknown (last).</param>
    /// <param name="maxWords">Words W of an instruction.</param>
    /// <param name="width">Width of the result.</param>
    public TextEncoder(WeightInitialiser initialiser, int tokens, int maxWords, int width = 64)
    {
        MaxWords = maxWords;
        Width = width;
        _words = Child("words", new Embedding(initialiser, tokens, width, 3));
        _positions = Child("positions", new Embedding(initialiser, maxWords, width, 0.5));
        _mix = Child("mix", new Linear(initialiser, width, width));
    }

    public int MaxWords { get; }

    public int Width { get; }

    /// <summary>[B, W] int64 tokens → [B, width] float32. An instruction without words gives zeros.</summary>
    public Tensor Forward(Tensor tokens)
    {
        using var device = new DeviceScope(tokens.Device);
        var mask = tokens.Gt(0).To(ScalarType.Float32).Unsqueeze(2);
        var x = _words.Forward(tokens) + _positions.Forward(Tensor.Arange(MaxWords)).Unsqueeze(0);
        x = _mix.Forward(x).Silu() * mask;
        return x.Sum(1) / mask.Sum(1).Clamp(1, null);
    }
}
