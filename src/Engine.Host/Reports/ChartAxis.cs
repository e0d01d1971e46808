using System.Globalization;

namespace Engine.Host.Reports;

/// <summary>Maps values to pixels along one direction, and chooses round ticks.</summary>
internal sealed class ChartAxis
{
    private readonly double _from;
    private readonly double _to;
    private readonly bool _isLogarithmic;

    /// <summary>An axis over [low, high] drawn from pixel <paramref name="from"/> to pixel <paramref name="to"/>.</summary>
    public ChartAxis(double low, double high, double from, double to, bool isLogarithmic = false)
    {
        if (!(high > low))
        {
            // A single value still needs some room.
            double room = low == 0 ? 1 : Math.Abs(low) * 0.1;
            (low, high) = isLogarithmic ? (low / 2, low * 2) : (low - room, low + room);
        }

        (Low, High, _from, _to, _isLogarithmic) = (low, high, from, to, isLogarithmic);
    }

    public double Low { get; }

    public double High { get; }

    /// <summary>The pixel of a value; values outside lie outside.</summary>
    public double Pixel(double value) => _isLogarithmic
        ? _from + (_to - _from) * (Math.Log10(value) - Math.Log10(Low)) / (Math.Log10(High) - Math.Log10(Low))
        : _from + (_to - _from) * (value - Low) / (High - Low);

    /// <summary>Round values inside the axis, about <paramref name="wanted"/> of them.</summary>
    public IReadOnlyList<double> Ticks(int wanted)
    {
        if (_isLogarithmic && Math.Log10(High / Low) >= 1) return LogarithmicTicks(wanted);
        double step = Step((High - Low) / Math.Max(1, wanted));
        var ticks = new List<double>();
        for (long i = (long)Math.Ceiling(Low / step - 1e-9); i * step <= High + step * 1e-9; i++) ticks.Add(i * step);
        return ticks;
    }

    /// <summary>Labels of ticks, all with as many decimals as they need to differ.</summary>
    public static IReadOnlyList<string> Labels(IReadOnlyList<double> ticks)
    {
        if (ticks.Count == 0) return [];
        double largest = ticks.Max(Math.Abs);
        double step = ticks.Count > 1 ? ticks.Zip(ticks.Skip(1), (a, b) => Math.Abs(b - a)).Min() : largest;
        if (largest >= 1e5 || (largest > 0 && largest < 1e-3) || step < largest * 1e-6)
            return ticks.Select(tick => tick == 0 ? "0" : tick.ToString("0.##e0", CultureInfo.InvariantCulture)).ToList();
        for (int decimals = 0; decimals < 9; decimals++)
        {
            double unit = Math.Pow(10, -decimals);
            if (ticks.All(tick => Math.Abs(tick - Math.Round(tick / unit) * unit) < 1e-3 * step || decimals == 8))
                return ticks.Select(tick => (tick == 0 ? 0 : tick).ToString("F" + decimals, CultureInfo.InvariantCulture)).ToList();
        }

        return [];
    }

    /// <summary>The range of values with a little room, or [0, 1] when there are none.</summary>
    public static (double Low, double High) Range(IEnumerable<double> values, bool isLogarithmic)
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        foreach (double value in values)
        {
            if (!double.IsFinite(value) || (isLogarithmic && value <= 0)) continue;
            (low, high) = (Math.Min(low, value), Math.Max(high, value));
        }

        if (low > high) return isLogarithmic ? (0.1, 1) : (0, 1);
        if (isLogarithmic) return (low / 1.1, high * 1.1);
        double room = (high - low) * 0.05;
        return (low - room, high + room);
    }

    private List<double> LogarithmicTicks(int wanted)
    {
        int first = (int)Math.Floor(Math.Log10(Low)), last = (int)Math.Ceiling(Math.Log10(High));
        int stride = Math.Max(1, (last - first) / Math.Max(1, wanted));
        int[] digits = last - first <= 2 ? [1, 2, 5] : [1];
        var ticks = new List<double>();
        for (int power = first; power <= last; power += stride)
        {
            foreach (int digit in digits)
            {
                double tick = digit * Math.Pow(10, power);
                if (tick >= Low * (1 - 1e-9) && tick <= High * (1 + 1e-9)) ticks.Add(tick);
            }
        }

        return ticks;
    }

    private static double Step(double atLeast)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(atLeast)));
        double lead = atLeast / power;
        return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 2.5 ? 2.5 : lead <= 5 ? 5 : 10) * power;
    }
}
