using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>Copies named tensors into others of the same names and shapes, or says everything that does not fit.</summary>
internal static class StateLoader
{
    private const int Listed = 20;

    /// <summary>Copies <paramref name="source"/> into <paramref name="target"/>; both have the same names and shapes.</summary>
    /// <exception cref="ArgumentException">They differ; nothing has been copied.</exception>
    public static void Load(IReadOnlyDictionary<string, Tensor> target, IReadOnlyDictionary<string, Tensor> source, string what)
    {
        var missing = target.Keys.Where(name => !source.ContainsKey(name)).ToList();
        var extra = source.Keys.Where(name => !target.ContainsKey(name)).ToList();
        var mismatched = target.Where(pair => source.TryGetValue(pair.Key, out Tensor? tensor) && !tensor.Shape.AsSpan().SequenceEqual(pair.Value.Shape))
            .Select(pair => $"{pair.Key}: expected {TensorDescription.Of(pair.Value)}, got {TensorDescription.Of(source[pair.Key])}").ToList();
        if (missing.Count + extra.Count + mismatched.Count > 0)
        {
            throw new ArgumentException(
                $"the state does not fit {what}{List("missing", missing)}{List("unknown", extra)}{List("of another shape", mismatched)}. " +
                "Build the model with the configuration that the state was saved with.", nameof(source));
        }

        using var noGrad = new NoGrad();
        foreach (var (name, tensor) in target) tensor.CopyInPlace(source[name]);
    }

    private static string List(string what, List<string> names)
    {
        if (names.Count == 0) return "";
        string more = names.Count > Listed ? $" and {names.Count - Listed} more" : "";
        return $"; {names.Count} {what}: {string.Join(", ", names.Take(Listed))}{more}";
    }
}
