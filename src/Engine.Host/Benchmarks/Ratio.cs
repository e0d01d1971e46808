using System.Globalization;

namespace Engine.Host.Benchmarks;

/// <summary>Ratios of interleaved pairs of measurements.</summary>
/// <param name="Median">Median of the pairs' ratios.</param>
/// <param name="Low">Smallest.</param>
/// <param name="High">Greatest.</param>
/// <param name="Pairs">Number of pairs.</param>
internal readonly record struct Ratio(double Median, double Low, double High, int Pairs)
{
    /// <summary>The ratios of pairs, first over second.</summary>
    public static Ratio Of(IReadOnlyList<double> first, IReadOnlyList<double> second)
    {
        double[] ratios = [.. first.Zip(second, (a, b) => a / b).Order()];
        return new Ratio(MedianOf(ratios), ratios[0], ratios[^1], ratios.Length);
    }

    /// <summary>The middle of some numbers, or the mean of the two in the middle.</summary>
    public static double MedianOf(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Median:0.00} ({Low:0.00} … {High:0.00})");
}
