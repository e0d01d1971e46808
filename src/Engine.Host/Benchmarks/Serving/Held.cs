namespace Engine.Host.Benchmarks.Serving;

/// <summary>Memory and handles of a server's process, looked at in equal steps.</summary>
internal sealed class Held(ServerProcess server)
{
    private readonly List<double> _kibibytes = [], _handles = [];

    /// <summary>Notes what it holds now.</summary>
    public void Look()
    {
        _kibibytes.Add(server.ResidentBytes / 1024.0);
        _handles.Add(server.Handles);
    }

    /// <summary>
    /// The growth of both from the second quarter of the looks to the last: of memory the least in each, which is what collections leave (between them it goes up and
    /// down by megabytes), of handles the median.
    /// </summary>
    public IReadOnlyList<Figure> Figures(string load)
    {
        double memory = Quarter(_kibibytes, 1).Min(), grown = Quarter(_kibibytes, 3).Min() - memory;
        double open = Ratio.MedianOf(Quarter(_handles, 1)), opened = Ratio.MedianOf(Quarter(_handles, 3)) - open;
        return
        [
            Bound.Of($"{load}: growth of the memory that collections leave, %", 100 * grown / memory, 1, "0.00", $"{Bound.Number(memory / 1024, "0.0")} MiB, {Bound.Number(grown, "+0;-0;0")} KiB"),
            Bound.Of($"{load}: growth of open handles", opened, 0, "0", $"{Bound.Number(open, "0")} open"),
        ];
    }

    private static IEnumerable<double> Quarter(List<double> values, int quarter) => values.Skip(quarter * values.Count / 4).Take(Math.Max(1, values.Count / 4));
}
