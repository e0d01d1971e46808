using System.Globalization;

namespace Engine.Host.Reports;

/// <summary>
/// Values with intervals, one row per category and within it one mark per series: success rates of policies over variations, paired differences.
/// </summary>
public sealed class IntervalChart(string title, string label) : IChart
{
    private const int RowHeight = 20;
    private const int CategoryGap = 12;

    private readonly List<string> _categories = [];
    private readonly List<string> _series = [];
    private readonly Dictionary<(int Category, int Series), (double Value, double Low, double High)> _marks = [];

    public string Title { get; } = title;

    /// <summary>Draw bars from zero instead of dots.</summary>
    public bool IsBars { get; init; }

    /// <summary>Lower end of the axis; chosen from the values when not set.</summary>
    public double? Min { get; init; }

    /// <summary>Upper end of the axis; chosen from the values when not set.</summary>
    public double? Max { get; init; }

    /// <summary>A vertical dashed line, e.g. 0 for differences.</summary>
    public double? Reference { get; init; }

    /// <summary>How values are written beside their marks (.NET number format).</summary>
    public string Format { get; init; } = "0.00";

    /// <summary>Adds a value; categories and series appear in the order of their first mention.</summary>
    /// <param name="category">Row, e.g. a variation.</param>
    /// <param name="series">Colour, e.g. a policy.</param>
    /// <param name="value">The estimate; a NaN leaves the place empty.</param>
    /// <param name="low">Lower end of its interval, NaN for none.</param>
    /// <param name="high">Upper end of its interval, NaN for none.</param>
    public IntervalChart Add(string category, string series, double value, double low = double.NaN, double high = double.NaN)
    {
        _marks[(Index(_categories, category), Index(_series, series))] = (value, low, high);
        return this;
    }

    /// <inheritdoc />
    public string ToSvg(int width = 720)
    {
        bool hasLegend = _series.Count > 1;
        double plotTop = (Title.Length > 0 ? 32 : 12) + (hasLegend ? LegendHeight(width) : 0) + 6;
        int height = (int)(plotTop + _categories.Count * (_series.Count * RowHeight + CategoryGap) + 48);
        var canvas = new SvgCanvas(width, height, Title);
        if (Title.Length > 0) canvas.Text(Title, 8, 20, type: "title");
        if (hasLegend) canvas.Legend(_series, 8, Title.Length > 0 ? 32 : 12, width - 8);

        double left = 18 + _categories.Select(SvgCanvas.Measure).DefaultIfEmpty(0).Max();
        double right = width - 26 - _marks.Values.Select(mark => SvgCanvas.Measure(Label(mark)) * 1.08).DefaultIfEmpty(0).Max();
        var axis = Axis(left, right);
        double bottom = height - 46;
        DrawFrame(canvas, axis, plotTop, bottom);

        double y = plotTop + CategoryGap / 2.0;
        for (int category = 0; category < _categories.Count; category++)
        {
            double middle = y + _series.Count * RowHeight / 2.0;
            canvas.Text(_categories[category], left - 10, middle + 4, "end");
            for (int series = 0; series < _series.Count; series++)
            {
                if (_marks.TryGetValue((category, series), out var mark) && double.IsFinite(mark.Value))
                    DrawMark(canvas, axis, y + RowHeight / 2.0, category, series, mark, right);
                y += RowHeight;
            }

            y += CategoryGap;
        }

        return canvas.ToString();
    }

    private void DrawMark(
        SvgCanvas canvas, ChartAxis axis, double y, int category, int series, (double Value, double Low, double High) mark, double right)
    {
        string colour = SvgCanvas.Series(series);
        double X(double value) => axis.Pixel(Math.Clamp(value, axis.Low, axis.High));
        string text = Label(mark);
        string tip = $"{_categories[category]}, {_series[series]}: {text}";

        if (IsBars)
        {
            double zero = X(0), end = X(mark.Value);
            canvas.Bar(Math.Min(zero, end), y - 7, Math.Abs(end - zero), 14, colour, 0.55, tip);
        }

        if (HasInterval(mark))
        {
            canvas.ColouredLine(X(mark.Low), y, X(mark.High), y, colour, 2);
            canvas.ColouredLine(X(mark.Low), y - 4, X(mark.Low), y + 4, colour, 2);
            canvas.ColouredLine(X(mark.High), y - 4, X(mark.High), y + 4, colour, 2);
        }

        if (!IsBars) canvas.Dot(X(mark.Value), y, 5, colour, tip);
        canvas.Text(text, right + 14, y + 4, type: "muted");
    }

    private ChartAxis Axis(double left, double right)
    {
        var values = _marks.Values.SelectMany(mark => new[] { mark.Value, mark.Low, mark.High });
        if (IsBars) values = values.Append(0);
        if (Reference is { } reference) values = values.Append(reference);
        var (low, high) = ChartAxis.Range(values, false);
        return new ChartAxis(Min ?? low, Max ?? high, left, right);
    }

    private void DrawFrame(SvgCanvas canvas, ChartAxis axis, double top, double bottom)
    {
        var ticks = axis.Ticks(6);
        var labels = ChartAxis.Labels(ticks);
        for (int i = 0; i < ticks.Count; i++)
        {
            double x = axis.Pixel(ticks[i]);
            canvas.Line(x, top, x, bottom, "grid");
            canvas.Text(labels[i], x, bottom + 17, "middle", "muted");
        }

        canvas.Line(axis.Pixel(axis.Low), bottom, axis.Pixel(axis.High), bottom, "axis");
        canvas.Text(label, (axis.Pixel(axis.Low) + axis.Pixel(axis.High)) / 2, bottom + 36, "middle", "muted");
        if (Reference is { } reference) canvas.Line(axis.Pixel(reference), top, axis.Pixel(reference), bottom, "rule");
    }

    private string Label((double Value, double Low, double High) mark)
    {
        string Number(double value) => value.ToString(Format, CultureInfo.InvariantCulture);
        return HasInterval(mark) ? $"{Number(mark.Value)} [{Number(mark.Low)}, {Number(mark.High)}]" : Number(mark.Value);
    }

    private static bool HasInterval((double Value, double Low, double High) mark) => double.IsFinite(mark.Low) && double.IsFinite(mark.High);

    private double LegendHeight(int width) => new SvgCanvas(width, 1, "").Legend(_series, 8, 0, width - 8);

    private static int Index(List<string> names, string name)
    {
        int at = names.IndexOf(name);
        if (at >= 0) return at;
        names.Add(name);
        return names.Count - 1;
    }
}
