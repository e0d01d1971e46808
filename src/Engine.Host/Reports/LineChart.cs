using System.Globalization;

namespace Engine.Host.Reports;

/// <summary>Curves and points over numbers, with axes, a legend and confidence bands. NaN breaks a curve.</summary>
public sealed class LineChart(string title, string xLabel, string yLabel) : IChart
{
    // More points than this per pixel column are thinned to the column's first, least, greatest and last.
    private const int MaxPointsPerCurve = 1500;

    private readonly List<Curve> _curves = [];
    private readonly List<(double Y, string Label)> _rules = [];

    public string Title { get; } = title;

    /// <summary>Height in pixels of the whole picture.</summary>
    public int Height { get; init; } = 320;

    /// <summary>Lower end of the y axis; chosen from the values when not set.</summary>
    public double? YMin { get; init; }

    /// <summary>Upper end of the y axis; chosen from the values when not set.</summary>
    public double? YMax { get; init; }

    /// <summary>Logarithmic y axis; values that are not positive are left out.</summary>
    public bool IsLogarithmic { get; init; }

    /// <summary>Adds a curve, with a band between <paramref name="low"/> and <paramref name="high"/> when both are given.</summary>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public LineChart Line(
        string name, IReadOnlyList<double> x, IReadOnlyList<double> y, IReadOnlyList<double>? low = null, IReadOnlyList<double>? high = null, bool isDashed = false) =>
        Add(new Curve(name, x, y, low, high, isDashed, IsLine: true));

    /// <summary>Adds a curve over 0, 1, 2 …</summary>
    public LineChart Line(string name, IReadOnlyList<double> y) => Line(name, Enumerable.Range(0, y.Count).Select(i => (double)i).ToArray(), y);

    /// <summary>Adds points that are not joined, with error bars when <paramref name="low"/> and <paramref name="high"/> are given.</summary>
    /// <exception cref="ArgumentException">The lists differ in length.</exception>
    public LineChart Points(
        string name, IReadOnlyList<double> x, IReadOnlyList<double> y, IReadOnlyList<double>? low = null, IReadOnlyList<double>? high = null) =>
        Add(new Curve(name, x, y, low, high, IsDashed: false, IsLine: false));

    /// <summary>Adds a horizontal dashed line with a label.</summary>
    public LineChart Rule(double y, string label)
    {
        _rules.Add((y, label));
        return this;
    }

    /// <inheritdoc />
    public string ToSvg(int width = 720)
    {
        var canvas = new SvgCanvas(width, Height, Title);
        double top = 12;
        if (Title.Length > 0)
        {
            canvas.Text(Title, 8, 20, type: "title");
            top = 32;
        }

        var names = _curves.Select(curve => curve.Name).ToList();
        if (names.Count > 1 || (names.Count == 1 && names[0].Length > 0)) top = canvas.Legend(names, 8, top, width - 8) + 4;

        var (xAxis, yAxis) = Axes(width, top + 6);
        DrawFrame(canvas, xAxis, yAxis, width);
        for (int i = 0; i < _curves.Count; i++) DrawCurve(canvas, _curves[i], SvgCanvas.Series(i), xAxis, yAxis);
        return canvas.ToString();
    }

    private LineChart Add(Curve curve)
    {
        if (curve.X.Count != curve.Y.Count || (curve.Low ?? curve.Y).Count != curve.Y.Count || (curve.High ?? curve.Y).Count != curve.Y.Count)
        {
            throw new ArgumentException(
                $"The curve '{curve.Name}' has {curve.X.Count} x, {curve.Y.Count} y, {curve.Low?.Count.ToString(CultureInfo.InvariantCulture) ?? "no"} low "
                + $"and {curve.High?.Count.ToString(CultureInfo.InvariantCulture) ?? "no"} high values; they must be equally many.");
        }

        _curves.Add(curve);
        return this;
    }

    private (ChartAxis X, ChartAxis Y) Axes(int width, double top)
    {
        var (xLow, xHigh) = ChartAxis.Range(_curves.SelectMany(curve => curve.X), false);
        if (_curves.TrueForAll(curve => curve.IsLine) && xHigh > xLow)
        {
            // Curves end at the frame; only scattered points need room around them.
            double room = (xHigh - xLow) / 1.1 * 0.05;
            (xLow, xHigh) = (xLow + room, xHigh - room);
        }

        var values = _curves.SelectMany(curve => curve.Y.Concat(curve.Low ?? []).Concat(curve.High ?? [])).Concat(_rules.Select(rule => rule.Y));
        var (low, high) = ChartAxis.Range(values, IsLogarithmic);
        var y = new ChartAxis(YMin ?? low, YMax ?? high, Height - 46, top, IsLogarithmic);
        double labels = ChartAxis.Labels(y.Ticks(5)).Select(SvgCanvas.Measure).DefaultIfEmpty(0).Max();
        var x = new ChartAxis(xLow, xHigh, 36 + labels, width - 18);
        return (x, y);
    }

    private void DrawFrame(SvgCanvas canvas, ChartAxis xAxis, ChartAxis yAxis, int width)
    {
        double left = xAxis.Pixel(xAxis.Low), right = xAxis.Pixel(xAxis.High), bottom = yAxis.Pixel(yAxis.Low), top = yAxis.Pixel(yAxis.High);
        var ticks = yAxis.Ticks(5);
        var labels = ChartAxis.Labels(ticks);
        for (int i = 0; i < ticks.Count; i++)
        {
            double y = yAxis.Pixel(ticks[i]);
            canvas.Line(left, y, right, y, "grid");
            canvas.Text(labels[i], left - 8, y + 4, "end", "muted");
        }

        ticks = xAxis.Ticks(Math.Max(2, width / 100));
        labels = ChartAxis.Labels(ticks);
        for (int i = 0; i < ticks.Count; i++)
        {
            double x = xAxis.Pixel(ticks[i]);
            canvas.Line(x, bottom, x, bottom + 4, "axis");
            canvas.Text(labels[i], x, bottom + 17, "middle", "muted");
        }

        canvas.Line(left, bottom, right, bottom, "axis");
        canvas.Text(xLabel, (left + right) / 2, bottom + 36, "middle", "muted");
        canvas.Text(yLabel, 14, (top + bottom) / 2, "middle", "muted", -90);
        foreach (var (value, label) in _rules)
        {
            double y = yAxis.Pixel(value);
            if (y < top - 1 || y > bottom + 1) continue;
            canvas.Line(left, y, right, y, "rule");
            canvas.Text(label, right, y - 5, "end", "muted");
        }
    }

    private void DrawCurve(SvgCanvas canvas, Curve curve, string colour, ChartAxis xAxis, ChartAxis yAxis)
    {
        double top = yAxis.Pixel(yAxis.High), bottom = yAxis.Pixel(yAxis.Low);
        double Y(double value) => Math.Clamp(yAxis.Pixel(value), top - 2, bottom + 2);
        bool Drawn(int i) => double.IsFinite(curve.X[i]) && double.IsFinite(curve.Y[i]) && (!IsLogarithmic || curve.Y[i] > 0);

        if (!curve.IsLine)
        {
            for (int i = 0; i < curve.Y.Count; i++)
            {
                if (!Drawn(i)) continue;
                double x = xAxis.Pixel(curve.X[i]);
                if (curve.Low is not null && curve.High is not null) canvas.ColouredLine(x, Y(curve.Low[i]), x, Y(curve.High[i]), colour, 1.5);
                canvas.Dot(x, Y(curve.Y[i]), 4, colour, string.Create(CultureInfo.InvariantCulture, $"{curve.Name}: {curve.X[i]:0.####}, {curve.Y[i]:0.####}"));
            }

            return;
        }

        foreach (var (from, to) in Runs(curve.Y.Count, Drawn))
        {
            var kept = Thin(curve.Y, from, to);
            if (curve.Low is not null && curve.High is not null)
            {
                var outline = kept.Select(i => (xAxis.Pixel(curve.X[i]), Y(curve.High[i])))
                    .Concat(kept.AsEnumerable().Reverse().Select(i => (xAxis.Pixel(curve.X[i]), Y(curve.Low[i]))));
                canvas.Band(outline.ToList(), colour);
            }

            canvas.Polyline(kept.Select(i => (xAxis.Pixel(curve.X[i]), Y(curve.Y[i]))).ToList(), colour, curve.IsDashed);
            // A lone point has no line to be seen by; few points are worth a dot each.
            if (to - from > 12) continue;
            foreach (int i in kept)
            {
                string tip = string.Create(CultureInfo.InvariantCulture, $"{curve.Name}: {curve.X[i]:0.####}, {curve.Y[i]:0.####}");
                canvas.Dot(xAxis.Pixel(curve.X[i]), Y(curve.Y[i]), 2.8, colour, tip);
            }
        }
    }

    private static IEnumerable<(int From, int To)> Runs(int count, Func<int, bool> isDrawn)
    {
        for (int from = 0; from < count; from++)
        {
            if (!isDrawn(from)) continue;
            int to = from;
            while (to < count && isDrawn(to)) to++;
            yield return (from, to);
            from = to;
        }
    }

    /// <summary>Indices to draw: all, or the ends and extremes of buckets.</summary>
    private static List<int> Thin(IReadOnlyList<double> y, int from, int to)
    {
        int count = to - from;
        if (count <= MaxPointsPerCurve) return Enumerable.Range(from, count).ToList();
        int buckets = MaxPointsPerCurve / 4;
        var kept = new SortedSet<int>();
        for (int bucket = 0; bucket < buckets; bucket++)
        {
            int first = from + (int)((long)count * bucket / buckets), end = from + (int)((long)count * (bucket + 1) / buckets);
            var range = Enumerable.Range(first, end - first);
            kept.Add(first);
            kept.Add(range.MinBy(i => y[i]));
            kept.Add(range.MaxBy(i => y[i]));
            kept.Add(end - 1);
        }

        return [.. kept];
    }

    private sealed record Curve(
        string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y, IReadOnlyList<double>? Low, IReadOnlyList<double>? High, bool IsDashed, bool IsLine);
}
