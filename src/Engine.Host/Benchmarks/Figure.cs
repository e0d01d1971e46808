namespace Engine.Host.Benchmarks;

/// <summary>One line of a table of figures.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Ours">Our value, with its unit.</param>
/// <param name="Peer">The value of what it is compared with, with its unit.</param>
/// <param name="Result">The ratio or share, with its spread.</param>
internal sealed record Figure(string Name, string Ours, string Peer, string Result)
{
    /// <summary>Writes figures as a Markdown table.</summary>
    public static void Write(TextWriter output, string title, string peer, IEnumerable<Figure> figures)
    {
        output.WriteLine($"### {title}\n");
        output.WriteLine($"| figure | here | {peer} | median of pairs (least … greatest) |");
        output.WriteLine("|---|--:|--:|--:|");
        foreach (var figure in figures) output.WriteLine($"| {figure.Name} | {figure.Ours} | {figure.Peer} | {figure.Result} |");
        output.WriteLine();
    }
}
