using System.Globalization;

namespace Engine.Host.Serving.Groot;

/// <summary>
/// The parts of a vector under the names that GR00T's clients use, one after another: <c>single_arm:5,gripper</c> is
/// <c>single_arm</c>, numbers 0 … 4, and <c>gripper</c>, number 5.
/// </summary>
internal sealed class GrootKeys
{
    private static readonly string[] s_steps = ["dx", "dy", "dz", "droll", "dpitch", "dyaw"];

    private GrootKeys(Part[] parts) => Parts = parts;

    /// <summary>One key: its name without <c>state.</c> or <c>action.</c>, its first number and how many there are.</summary>
    internal readonly record struct Part(string Name, int Offset, int Width);

    internal IReadOnlyList<Part> Parts { get; }

    /// <summary>For people: <c>single_arm:5, gripper:1</c>.</summary>
    public override string ToString() => string.Join(", ", Parts.Select(p => $"{p.Name}:{p.Width}"));

    /// <summary>
    /// As configured, or else the contract's names without units, a step (<c>dx (m)</c>) named for what it moves (<c>x</c>), as GR00T's LIBERO and Bridge
    /// configurations do; where such names are not unique, the whole vector is one part.
    /// </summary>
    /// <exception cref="ArgumentException">The configured parts do not make up the vector.</exception>
    internal static GrootKeys For(string kind, string? configured, IReadOnlyList<string> names) =>
        configured is null ? FromNames(kind, names) : Parse(kind, configured, names.Count);

    private static GrootKeys FromNames(string kind, IReadOnlyList<string> names)
    {
        string[] bare = [.. names.Select(n => n.Split(' ', 2)[0]).Select(n => Array.IndexOf(s_steps, n) >= 0 ? n[1..] : n)];
        if (names.Count > 0 && (bare.Distinct(StringComparer.Ordinal).Count() < bare.Length || Array.IndexOf(bare, "") >= 0))
            return new GrootKeys([new Part(kind, 0, names.Count)]);
        return new GrootKeys([.. bare.Select((name, i) => new Part(name, i, 1))]);
    }

    private static GrootKeys Parse(string kind, string text, int width)
    {
        var parts = new List<Part>();
        int offset = 0;
        foreach (string entry in text.Split(',', StringSplitOptions.TrimEntries))
        {
            string[] pair = entry.Split(':');
            int count = 1;
            if (pair[0].Length == 0 || pair.Length > 2 || (pair.Length == 2 && !int.TryParse(pair[1], NumberStyles.None, CultureInfo.InvariantCulture, out count))
                || count < 1 || count > width || parts.Exists(p => p.Name == pair[0]))
            {
                throw new ArgumentException($"groot_{kind}: '{entry}' is no part of a vector of {width} numbers; expected names, each once, e.g. single_arm:5,gripper.");
            }

            parts.Add(new Part(pair[0], offset, count));
            offset += count;
        }

        if (offset != width) throw new ArgumentException($"groot_{kind}: '{text}' has {offset} numbers, the policy's {kind} has {width}.");
        return new GrootKeys([.. parts]);
    }
}
