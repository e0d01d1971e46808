using System.Text;
using Engine.Runtime.Contract;

namespace Engine.Runtime.Policies;

/// <summary>
/// Turns instructions into word tokens of fixed length: lower case, split at everything that is no letter or digit (an apostrophe is
/// dropped, so that <c>robot's</c> stays one word). Token 0 is padding, a known word's token is its place in the vocabulary + 1,
/// <see cref="UnknownToken"/> is any other word. Longer instructions are cut. Immutable and thread-safe.
/// </summary>
public sealed class InstructionTokenizer
{
    public const int PaddingToken = 0;

    private readonly string[] _vocabulary;
    private readonly Dictionary<string, int> _tokens;

    /// <summary>A tokenizer of a known vocabulary, in this order.</summary>
    /// <exception cref="ArgumentException">A word stands twice, or could never be the result of splitting an instruction.</exception>
    public InstructionTokenizer(IReadOnlyList<string> vocabulary, int maxWords)
    {
        if (maxWords is < 1 or > 4096) throw new ArgumentOutOfRangeException(nameof(maxWords), maxWords, "expected 1 to 4096 words");
        MaxWords = maxWords;
        _vocabulary = [.. vocabulary];
        _tokens = new Dictionary<string, int>(_vocabulary.Length, StringComparer.Ordinal);
        for (int i = 0; i < _vocabulary.Length; i++)
        {
            string word = _vocabulary[i];
            if (Split(word) is not [var only] || only != word)
                throw new ArgumentException($"the vocabulary holds '{word}', which is no single lower-case word", nameof(vocabulary));
            if (!_tokens.TryAdd(word, i + 1)) throw new ArgumentException($"the vocabulary holds '{word}' twice", nameof(vocabulary));
        }
    }

    /// <summary>Known words in token order; the first has token 1.</summary>
    public IReadOnlyList<string> Vocabulary => _vocabulary;

    /// <summary>Length of an encoded instruction.</summary>
    public int MaxWords { get; }

    /// <summary>Token of a word that is not in the vocabulary.</summary>
    public int UnknownToken => _vocabulary.Length + 1;

    /// <summary>Number of different tokens: padding, the words, the unknown word; the height of an embedding table.</summary>
    public int TokenCount => _vocabulary.Length + 2;

    /// <summary>A tokenizer of all words of some instructions, in ordinal order.</summary>
    public static InstructionTokenizer FromInstructions(IEnumerable<string> instructions, int maxWords = 16) =>
        new([.. instructions.SelectMany(Split).Distinct().Order(StringComparer.Ordinal)], maxWords);

    /// <summary>The tokenizer of a policy.</summary>
    /// <exception cref="ArgumentException">The contract's vocabulary is not valid.</exception>
    public static InstructionTokenizer FromContract(PolicyContract contract) => new(contract.Vocabulary, contract.MaxWords);

    /// <summary>The words of an instruction.</summary>
    public static List<string> Split(string instruction)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        foreach (Rune rune in instruction.EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune))
            {
                word.Append(Rune.ToLowerInvariant(rune).ToString());
            }
            else if (rune.Value is not ('\'' or '’') && word.Length > 0)
            {
                words.Add(word.ToString());
                word.Clear();
            }
        }

        if (word.Length > 0) words.Add(word.ToString());
        return words;
    }

    /// <summary>Encodes into <paramref name="tokens"/>, <see cref="MaxWords"/> numbers.</summary>
    /// <exception cref="ArgumentException">The destination has another length.</exception>
    public void Encode(string instruction, Span<int> tokens)
    {
        if (tokens.Length != MaxWords) throw new ArgumentException($"tokens has length {tokens.Length}, expected {MaxWords}", nameof(tokens));
        tokens.Fill(PaddingToken);
        List<string> words = Split(instruction);
        int count = Math.Min(words.Count, MaxWords);
        for (int i = 0; i < count; i++) tokens[i] = _tokens.GetValueOrDefault(words[i], UnknownToken);
    }

    /// <summary>Encodes into a new array of <see cref="MaxWords"/> tokens.</summary>
    public int[] Encode(string instruction)
    {
        var tokens = new int[MaxWords];
        Encode(instruction, tokens);
        return tokens;
    }
}
