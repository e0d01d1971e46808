using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Algorithms.Models;

/// <summary>
/// The reward of one step, r̂(s, a, s′), from language and vision features (ImagineAct's network). Each feature goes through Linear–ReLU–Linear
/// to HiddenDim/2 numbers; then an MLP sees [l, v, l − l′, v − v′, a]. Weights are Xavier-uniform at first, biases zero.
/// </summary>
public sealed class RewardNetwork : Module
{
    private readonly Mlp? _languagePool;
    private readonly Mlp _visionPool, _mlp;

    /// <summary>A network with random weights.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of the range that <see cref="RewardNetworkShape"/> states.</exception>
    public RewardNetwork(WeightInitialiser init, RewardNetworkShape shape)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(shape.LanguageDim);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(shape.VisionDim);
        ArgumentOutOfRangeException.ThrowIfNegative(shape.ActionDim);
        ArgumentOutOfRangeException.ThrowIfLessThan(shape.Layers, 2);
        if (shape.HiddenDim < 2 || shape.HiddenDim % 2 != 0)
            throw new ArgumentOutOfRangeException(nameof(shape), shape.HiddenDim, "HiddenDim is even and at least 2");
        Shape = shape;
        long hidden = shape.HiddenDim, half = hidden / 2;
        if (shape.LanguageDim > 0) _languagePool = Child("language_pool", new Mlp(Layer(init, shape.LanguageDim, hidden), Layer(init, hidden, half)));
        _visionPool = Child("vision_pool", new Mlp(Layer(init, shape.VisionDim, hidden), Layer(init, hidden, half)));
        var layers = new Linear[shape.Layers];
        long inputs = (shape.LanguageDim > 0 ? 2 * half : 0) + 2 * half + shape.ActionDim;
        for (int i = 0; i < layers.Length; i++) layers[i] = Layer(init, i == 0 ? inputs : hidden, i == layers.Length - 1 ? 1 : hidden);
        _mlp = Child("mlp", new Mlp(layers));
    }

    /// <summary>The sizes.</summary>
    public RewardNetworkShape Shape { get; }

    /// <summary>Rewards […, 1] of steps; the leading axes are free, such as [B] or [B, K].</summary>
    /// <param name="language">[…, LanguageDim], pooled over tokens; null where LanguageDim is 0.</param>
    /// <param name="vision">[…, VisionDim], pooled over patches.</param>
    /// <param name="action">[…, ActionDim].</param>
    /// <param name="nextLanguage">As language, after the step; null makes the difference zero.</param>
    /// <param name="nextVision">As vision, after the step; null makes the difference zero.</param>
    /// <exception cref="ArgumentException">Language is given without LanguageDim, or the reverse.</exception>
    public Tensor Forward(Tensor? language, Tensor vision, Tensor action, Tensor? nextLanguage = null, Tensor? nextVision = null)
    {
        if (language is null != _languagePool is null)
            throw new ArgumentException($"LanguageDim is {Shape.LanguageDim}, but language is {(language is null ? "null" : "given")}", nameof(language));
        Tensor v = _visionPool.Forward(vision);
        Tensor visionDifference = nextVision is null ? Tensor.ZerosLike(v) : v - _visionPool.Forward(nextVision);
        if (language is null) return _mlp.Forward(Tensor.Cat(-1, v, visionDifference, action));
        Tensor l = _languagePool!.Forward(language);
        Tensor languageDifference = nextLanguage is null ? Tensor.ZerosLike(l) : l - _languagePool.Forward(nextLanguage);
        return _mlp.Forward(Tensor.Cat(-1, l, v, languageDifference, visionDifference, action));
    }

    /// <summary>Mean over tokens: […, S, D] → […, D].</summary>
    /// <param name="tokens">Features of tokens or patches.</param>
    /// <param name="mask">Bool […, S], set where a token counts; null counts all. A row without any token gives zeros.</param>
    public static Tensor Pool(Tensor tokens, Tensor? mask = null)
    {
        if (mask is null) return tokens.Mean(-2);
        Tensor weight = mask.To(ScalarType.Float32).Unsqueeze(-1);
        return (tokens * weight).Sum(-2) / weight.Sum(-2).Clamp(1, null);
    }

    private static Linear Layer(WeightInitialiser init, long inputs, long outputs) =>
        new(init.XavierUniform([outputs, inputs]), Tensor.Zeros(outputs));
}
