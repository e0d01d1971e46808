using System.Globalization;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>Says whether a measured number is within what was asked.</summary>
internal static class Bound
{
    /// <summary>A line whose median ratio of pairs, ours over theirs, must not exceed something.</summary>
    public static Figure OfPairs(string name, IReadOnlyList<double> ours, IReadOnlyList<double> theirs, string peer, double most, string format = "0")
    {
        var ratio = Ratio.Of(ours, theirs);
        return new Figure(name, Number(Ratio.MedianOf(ours), format), $"{Number(Ratio.MedianOf(theirs), format)} ({peer})", $"{ratio}; {Verdict(ratio.Median, most)}");
    }

    /// <summary>A line whose number must not exceed something.</summary>
    public static Figure Of(string name, double value, double most, string format, string note = "") => new(name, Number(value, format), note, Verdict(value, most));

    /// <summary>A number in invariant form.</summary>
    public static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Verdict(double value, double most) => string.Create(CultureInfo.InvariantCulture, $"at most {most}: {(value <= most ? "holds" : "**does not hold**")}");
}
