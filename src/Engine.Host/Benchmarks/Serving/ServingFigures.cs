namespace Engine.Host.Benchmarks.Serving;

/// <summary>Everything that is measured of serving, in one table.</summary>
internal static class ServingFigures
{
    private static readonly IServingLine[] s_lines =
    [
        new OpenPiLine(), new CrowdLine(), new BesideLine(), new PipeLine(), new SharedMemoryLine(), new SessionsLine(), new OverloadLine(), new TickLine(),
        new SwapLine(), new ChurnLine(), new SoakLine(),
    ];

    /// <summary>Names of the lines.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_lines.Select(line => line.Name)];

    /// <summary>Measures the named lines, all where none is named, and writes the table.</summary>
    public static async Task RunAsync(IReadOnlyCollection<string> names, ServingRun run, Action<string> note, TextWriter output)
    {
        var figures = new List<Figure>();
        foreach (var line in s_lines)
        {
            if (names.Count > 0 && !names.Contains(line.Name)) continue;
            note($"measuring {line.Name}");
            figures.AddRange(await line.MeasureAsync(run));
        }

        Figure.Write(output, $"serving: echo policy, two images of 224×224×3 and 8 numbers of state, reply 50×7 float32, {Environment.ProcessorCount} cores for both sides", "beside it", figures);
        output.WriteLine($"{run.Pairs} pairs.\n");
    }
}
