namespace Engine.Runtime.Policies;

/// <summary>
/// OpenVLA's discrete action tokens (arXiv 2406.09246, action_tokenizer.py): evenly spaced edges on [−1, 1], <c>Bins − 1</c> centres between
/// them, and token <c>VocabularySize − digitize(x)</c>, so that actions take the last tokens of a vocabulary. Edges are float64, as in
/// the original, and encoding is exact at every edge. Immutable and thread-safe.
/// </summary>
public sealed partial class ActionTokenizer
{
    private readonly double[] _edges;
    private readonly double[] _centres;

    /// <summary>
    /// A tokenizer of <paramref name="bins"/> bins. <paramref name="vocabularySize"/> is the tokenizer's vocabulary (32 000 for Llama 2, not the
    /// padded width of the logits); 0 means a vocabulary of the action tokens alone, numbered 0 … bins − 1.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 2 bins, or a vocabulary smaller than the bins.</exception>
    public ActionTokenizer(int bins = 256, int vocabularySize = 0)
    {
        if (bins is < 2 or > 65536) throw new ArgumentOutOfRangeException(nameof(bins), bins, "expected 2 to 65536 bins");
        if (vocabularySize != 0 && vocabularySize < bins)
            throw new ArgumentOutOfRangeException(nameof(vocabularySize), vocabularySize, $"expected at least {bins}, the number of bins, or 0");
        Bins = bins;
        VocabularySize = vocabularySize == 0 ? bins : vocabularySize;
        _edges = new double[bins];
        double step = 2.0 / (bins - 1);
        for (int i = 0; i < bins - 1; i++) _edges[i] = i * step + -1.0;
        _edges[bins - 1] = 1.0;
        _centres = new double[bins - 1];
        for (int i = 0; i < bins - 1; i++) _centres[i] = (_edges[i] + _edges[i + 1]) / 2.0;
    }

    /// <summary>Number of edges, which is also the number of different tokens.</summary>
    public int Bins { get; }

    /// <summary>Size V of the vocabulary whose last <see cref="Bins"/> tokens mean actions.</summary>
    public int VocabularySize { get; }

    /// <summary>The smallest action token; the largest is V − 1.</summary>
    public int FirstToken => VocabularySize - Bins;

    /// <summary>Edges on [−1, 1], ascending.</summary>
    public ReadOnlySpan<double> Edges => _edges;

    /// <summary>Centres between the edges, one fewer.</summary>
    public ReadOnlySpan<double> Centres => _centres;

    /// <summary>The token of a normalised value; values outside [−1, 1] are clipped.</summary>
    /// <exception cref="ArgumentException">The value is not a number.</exception>
    public int Encode(float value)
    {
        if (float.IsNaN(value)) throw new ArgumentException("an action number is NaN and has no token", nameof(value));
        double v = Math.Clamp(value, -1f, 1f);

        // The number of edges at or below v. The guess is off by at most one; the comparison with the edges themselves decides.
        int count = (int)((v + 1.0) * 0.5 * (Bins - 1)) + 1;
        while (count < Bins && _edges[count] <= v) count++;
        while (count > 1 && _edges[count - 1] > v) count--;
        return VocabularySize - count;
    }

    /// <summary>Tokens of normalised values, one each.</summary>
    /// <exception cref="ArgumentException">The lengths differ, or a value is not a number.</exception>
    public void Encode(ReadOnlySpan<float> values, Span<int> tokens)
    {
        if (tokens.Length != values.Length)
            throw new ArgumentException($"tokens has length {tokens.Length}, expected {values.Length}, as values", nameof(tokens));
        for (int i = 0; i < values.Length; i++) tokens[i] = Encode(values[i]);
    }

    /// <summary>Index of a token's centre; tokens outside the action range take the nearest one.</summary>
    public int CentreIndex(int token) => (int)Math.Clamp((long)VocabularySize - token - 1, 0, _centres.Length - 1);

    /// <summary>The normalised value of a token: the centre of its bin, in (−1, 1).</summary>
    public float Decode(int token) => (float)_centres[CentreIndex(token)];

    /// <summary>Normalised values of tokens, one each.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void Decode(ReadOnlySpan<int> tokens, Span<float> values)
    {
        if (values.Length != tokens.Length)
            throw new ArgumentException($"values has length {values.Length}, expected {tokens.Length}, as tokens", nameof(values));
        for (int i = 0; i < tokens.Length; i++) values[i] = Decode(tokens[i]);
    }
}
