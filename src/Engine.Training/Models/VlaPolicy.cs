using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>
/// A small vision-language-action policy of OpenVLA's form (Kim et al., arXiv 2406.09246): instruction, image and state in,
/// H·A action tokens of 256 bins out, each predicted from those before it by a causal decoder.
/// <para>
/// Computation. e = text encoder [B, 64]; f = image trunk(image, e) [B, 3K];
/// h = SiLU(fuse2(SiLU(fuse1([f, e, state])))) [B, 256]; prefix = prefix(h) → [B, P, D] + prefix_positions;
/// input of action token i = action_positions[i] + context(h) + value(v_{i−1}), where v is the bin centre of the previous token and
/// value(v) = Linear([v, sin(π2^k v), cos(π2^k v)…]), absent for i = 0. Decoder layers (pre-norm, eps 1e-5, no dropout):
/// x += out(attention(qkv(norm1(x)))), x += down(GELU_tanh(up(norm2(x)))); causal over [prefix, action tokens]; scale 1/√(D/heads).
/// logits_i = head(norm(x_{P+i})) [256].
/// </para>
/// Bins: class c in 0 … 255 is OpenVLA's <c>digitize − 1</c> on 256 edges; its value is the centre of bin min(c, 254).
/// </summary>
public sealed class VlaPolicy : Module
{
    private readonly TextEncoder _text;
    private readonly ImageTrunk _trunk;
    private readonly Linear _fuse1, _fuse2, _prefix, _context, _value, _head;
    private readonly Tensor _prefixPositions, _actionPositions;
    private readonly DecoderLayer[] _layers;
    private readonly LayerNorm _norm;
    private readonly Dictionary<int, Tensor> _masks = [];

    public VlaPolicy(WeightInitialiser initialiser, VlaArchitecture architecture)
    {
        Architecture = architecture;
        var a = architecture;
        _text = Child("text", new TextEncoder(initialiser, a.Tokens, a.MaxWords, a.TextWidth));
        _trunk = Child("trunk", new ImageTrunk(initialiser, a.TextWidth, a.ImageSize, a.Channels, a.Keypoints));
        _fuse1 = Child("fuse1", new Linear(initialiser, _trunk.Width + a.TextWidth + a.StateWidth, a.Hidden));
        _fuse2 = Child("fuse2", new Linear(initialiser, a.Hidden, a.Hidden));
        _prefix = Child("prefix", new Linear(initialiser, a.Hidden, a.PrefixTokens * a.Dim));
        _context = Child("context", new Linear(initialiser, a.Hidden, a.Dim));
        _value = Child("value", new Linear(initialiser, 1 + 2 * a.ValueFrequencies, a.Dim));
        _prefixPositions = Parameter("prefix_positions", initialiser.Normal(0.02, a.PrefixTokens, a.Dim));
        _actionPositions = Parameter("action_positions", initialiser.Normal(0.5, a.Horizon * a.ActionWidth, a.Dim));
        _layers = new DecoderLayer[a.Layers];
        for (int i = 0; i < a.Layers; i++) _layers[i] = Child($"layers.{i}", new DecoderLayer(initialiser, a.Dim, a.Heads));
        _norm = Child("norm", new LayerNorm(a.Dim));
        _head = Child("head", new Linear(initialiser, a.Dim, a.Bins));
    }

    public VlaArchitecture Architecture { get; }

    /// <summary>Action tokens of one inference: H·A.</summary>
    public int TokenCount => Architecture.Horizon * Architecture.ActionWidth;

    /// <summary>
    /// Fused features h [B, 256] of images [B, 3, H, W] in [−1, 1], tokens [B, W] int64 and normalised states [B, S].
    /// </summary>
    public Tensor Fuse(Tensor images, Tensor tokens, Tensor states)
    {
        var text = _text.Forward(tokens);
        var features = Tensor.Cat(1, _trunk.Forward(images, text), text, states);
        return _fuse2.Forward(_fuse1.Forward(features).Silu()).Silu();
    }

    /// <summary>
    /// Teacher-forced logits [B, H·A, 256]: the action tokens <paramref name="classes"/> [B, H·A] int64 are given.
    /// </summary>
    public Tensor Logits(Tensor images, Tensor tokens, Tensor states, Tensor classes) => Decode(Fuse(images, tokens, states), classes);

    /// <summary>Teacher-forced logits [B, H·A, 256] from fused features.</summary>
    public Tensor Decode(Tensor fused, Tensor classes)
    {
        using var device = new DeviceScope(fused.Device);
        long batch = fused.Size(0);
        int count = (int)classes.Size(1), prefix = Architecture.PrefixTokens;
        var inputs = _actionPositions.Narrow(0, 0, count).Unsqueeze(0) + _context.Forward(fused).Unsqueeze(1);
        if (count > 1)
        {
            var previous = _value.Forward(ValueFeatures(classes.Narrow(1, 0, count - 1)));
            inputs = inputs + Tensor.Cat(1, Tensor.Zeros(batch, 1, Architecture.Dim), previous);
        }

        var x = Tensor.Cat(1, Prefix(fused), inputs);
        var mask = CausalMask(prefix + count);
        foreach (var layer in _layers) x = layer.Forward(x, mask);
        return _head.Forward(_norm.Forward(x.Narrow(1, prefix, count)));
    }

    /// <summary>
    /// Decodes all tokens one after another with a key-value cache, without gradients. <paramref name="uniforms"/> [B·H·A] in (0, 1)
    /// picks by the inverse of the cumulative distribution at <paramref name="temperature"/>; temperature 0 takes the arg-max.
    /// Returns the classes [B, H·A] and the untempered logits [B, H·A, 256] that they were drawn from.
    /// </summary>
    public (Tensor Classes, Tensor Logits) Act(Tensor images, Tensor tokens, Tensor states, float temperature, ReadOnlySpan<float> uniforms)
    {
        long batch = images.Size(0);
        if (temperature > 0 && uniforms.Length != batch * TokenCount)
            throw new ArgumentException($"uniforms has {uniforms.Length} numbers; expected {batch}·{TokenCount}.", nameof(uniforms));
        using var device = new DeviceScope(images.Device);
        var fused = Fuse(images, tokens, states);
        var caches = new (Tensor Keys, Tensor Values)[_layers.Length];
        var x = Prefix(fused);
        var mask = CausalMask(Architecture.PrefixTokens);
        for (int l = 0; l < _layers.Length; l++) (x, caches[l]) = _layers[l].Prefill(x, mask);
        var context = _context.Forward(fused).Unsqueeze(1);
        var draws = temperature > 0 ? Tensor.FromSpan(uniforms, batch, TokenCount) : null;
        var classes = new Tensor[TokenCount];
        var logits = new Tensor[TokenCount];
        for (int i = 0; i < TokenCount; i++)
        {
            x = _actionPositions.Narrow(0, i, 1).Unsqueeze(0) + context;
            if (i > 0) x = x + _value.Forward(ValueFeatures(classes[i - 1]));
            for (int l = 0; l < _layers.Length; l++) (x, caches[l]) = _layers[l].Extend(x, caches[l]);
            logits[i] = _head.Forward(_norm.Forward(x));
            classes[i] = draws is null
                ? logits[i].Squeeze(1).ArgMax(1).Unsqueeze(1)
                : Pick(logits[i].Squeeze(1), draws.Narrow(1, i, 1), temperature);
        }

        return (Tensor.Cat(1, classes), Tensor.Cat(1, logits));
    }

    /// <summary>Bin centres of classes, any shape, float32 in [−1, 1].</summary>
    public Tensor Values(Tensor classes)
    {
        double width = 2.0 / (Architecture.Bins - 1);
        return classes.Clamp(null, Architecture.Bins - 2).To(ScalarType.Float32) * width + (-1 + width / 2);
    }

    /// <summary>Class of a normalised value: <c>digitize − 1</c> over linspace(−1, 1, bins); values outside are clipped.</summary>
    public static int ClassOf(float value, int bins = 256)
    {
        // The product is off by at most one class; the comparison with the edges themselves decides, as in ActionTokenizer.
        double clipped = Math.Clamp((double)value, -1, 1), step = 2.0 / (bins - 1);
        int @class = (int)((clipped + 1) * 0.5 * (bins - 1));
        while (@class < bins - 1 && Edge(@class + 1) <= clipped) @class++;
        while (@class > 0 && Edge(@class) > clipped) @class--;
        return @class;

        double Edge(int i) => i == bins - 1 ? 1 : i * step - 1.0;
    }

    /// <summary>Normalised value of a class: the centre of bin min(class, bins − 2).</summary>
    public static float ValueOf(int @class, int bins = 256) => (float)(-1 + (Math.Min(@class, bins - 2) + 0.5) * 2.0 / (bins - 1));

    /// <summary>The parameters of the image trunk and the text encoder, for a critic that starts from them.</summary>
    public (ImageTrunk Trunk, TextEncoder Text) Perception => (_trunk, _text);

    private static Tensor Pick(Tensor logits, Tensor uniform, float temperature)
    {
        // The number of classes whose cumulative probability lies below the draw is the drawn class. Clamp gives float32.
        var cumulative = (logits * (1.0 / temperature)).Softmax(1).CumSum(1);
        var index = cumulative.Lt(uniform).To(ScalarType.Int64).Sum(1, true);
        return index.Clamp(null, logits.Size(1) - 1).To(ScalarType.Int64);
    }

    private Tensor Prefix(Tensor fused) =>
        _prefix.Forward(fused).Reshape(fused.Size(0), Architecture.PrefixTokens, Architecture.Dim) + _prefixPositions.Unsqueeze(0);

    private Tensor ValueFeatures(Tensor classes)
    {
        var v = Values(classes).Unsqueeze(2);
        var features = new Tensor[1 + 2 * Architecture.ValueFrequencies];
        features[0] = v;
        for (int k = 0; k < Architecture.ValueFrequencies; k++)
        {
            var angle = v * (Math.PI * (1 << k));
            features[1 + 2 * k] = angle.Sin();
            features[2 + 2 * k] = angle.Cos();
        }

        return Tensor.Cat(2, features);
    }

    private Tensor CausalMask(int length)
    {
        if (_masks.TryGetValue(length, out var mask)) return mask;
        var values = new float[length * length];
        for (int i = 0; i < length; i++)
            for (int j = i + 1; j < length; j++) values[i * length + j] = float.NegativeInfinity;
        return _masks[length] = TensorScope.Free(Tensor.FromSpan(values, length, length));
    }
}
