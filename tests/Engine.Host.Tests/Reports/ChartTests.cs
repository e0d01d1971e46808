using System.Globalization;
using System.Xml.Linq;
using Engine.Host.Reports;

namespace Engine.Host.Tests.Reports;

/// <summary>Charts are checked as drawings: well-formed, inside their frame, nothing that is not a number.</summary>
public class ChartTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Theory]
    [InlineData(0, 1)]
    [InlineData(-3e-9, 7e-9)]
    [InlineData(1e6, 3e6)]
    [InlineData(-0.2, 0.35)]
    [InlineData(99.5, 100.5)]
    [InlineData(5, 5)]
    [InlineData(0, 0)]
    [InlineData(1e-3, 1e5)]
    public void Curves_of_any_range_stay_inside_and_have_ticks(double low, double high)
    {
        var chart = new LineChart("t", "x", "y").Line("a", [low, (low + high) / 2, high], [low, (low + high) / 2, high]);
        var svg = Parse(chart.ToSvg(500));
        AssertInside(svg);
        var ticks = svg.Descendants(Svg + "text").Where(text => (string?)text.Attribute("class") == "muted").Select(text => text.Value).ToList();
        Assert.InRange(ticks.Count, 6, 24);
        Assert.Equal(ticks.Count(tick => tick.Length > 0), ticks.Count);
    }

    [Fact]
    public void Ticks_are_round_and_labels_tell_them_apart()
    {
        string svg = new LineChart("", "x", "y") { YMin = 0, YMax = 1 }.Line("", [0, 10], [0, 1]).ToSvg();
        string[] labels = Parse(svg).Descendants(Svg + "text").Where(text => (string?)text.Attribute("text-anchor") == "end").Select(text => text.Value).ToArray();
        Assert.Equal(["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], labels);
    }

    [Fact]
    public void A_logarithmic_axis_has_decades_and_skips_what_has_no_logarithm()
    {
        var chart = new LineChart("", "step", "loss") { IsLogarithmic = true }.Line("", [0, 1, 2, 3], [1e-3, 0, 1, 10]);
        var svg = Parse(chart.ToSvg());
        AssertInside(svg);
        Assert.Equal(2, svg.Descendants(Svg + "polyline").Count());
        var labels = svg.Descendants(Svg + "text").Select(text => text.Value).ToList();
        foreach (string label in new[] { "0.001", "0.010", "0.100", "1.000", "10.000" }) Assert.Contains(label, labels);
    }

    [Fact]
    public void A_value_that_is_no_number_breaks_the_curve()
    {
        var chart = new LineChart("", "", "").Line("a", [0, 1, 2, 3, 4], [1, 2, double.NaN, 3, 4]);
        Assert.Equal(2, Parse(chart.ToSvg()).Descendants(Svg + "polyline").Count());
    }

    [Fact]
    public void Bands_points_rules_and_legends_are_drawn()
    {
        var chart = new LineChart("Success & <more>", "x", "y")
            .Line("with band", [0, 1, 2], [1, 2, 3], [0, 1, 2], [2, 3, 4])
            .Points("dots", [0.5, 1.5], [2, 2], [1, 1], [3, 3])
            .Rule(2.5, "gate");
        var svg = Parse(chart.ToSvg());
        AssertInside(svg);
        Assert.Single(svg.Descendants(Svg + "polygon"));
        var texts = svg.Descendants(Svg + "text").Select(text => text.Value).ToList();
        foreach (string text in new[] { "Success & <more>", "with band", "dots", "gate" }) Assert.Contains(text, texts);
    }

    [Fact]
    public void Long_curves_are_thinned_and_keep_their_extremes()
    {
        double[] y = Enumerable.Range(0, 200_000).Select(i => Math.Sin(i * 0.001)).ToArray();
        y[123_456] = 50;
        string svg = new LineChart("", "", "") { YMin = -60, YMax = 60 }.Line("a", y).ToSvg();
        Assert.InRange(svg.Length, 1000, 60_000);
        var points = Parse(svg).Descendants(Svg + "polyline").Single().Attribute("points")!.Value.Split(' ')
            .Select(point => double.Parse(point.Split(',')[1], CultureInfo.InvariantCulture));
        double spike = points.Min();
        Assert.InRange(points.Count(value => value < spike + 40), 1, 3);
    }

    [Fact]
    public void An_empty_chart_is_a_frame_and_wrong_lengths_are_refused()
    {
        AssertInside(Parse(new LineChart("none", "x", "y").ToSvg()));
        AssertInside(Parse(new IntervalChart("none", "x").ToSvg()));
        Assert.Throws<ArgumentException>(() => new LineChart("", "", "").Line("a", [1, 2], [1]));
        Assert.Throws<ArgumentException>(() => new LineChart("", "", "").Line("a", [1], [1], [0, 0], [2]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Intervals_are_drawn_per_category_and_series(bool isBars)
    {
        var chart = new IntervalChart("Success", "rate") { Min = 0, Max = 1, IsBars = isBars, Reference = 0.5 }
            .Add("in distribution", "bc", 0.6, 0.5, 0.7)
            .Add("in distribution", "online", 0.74, 0.66, 0.81)
            .Add("unseen colour", "bc", 0.4)
            .Add("unseen colour", "online", double.NaN);
        var svg = Parse(chart.ToSvg());
        AssertInside(svg);
        var texts = svg.Descendants(Svg + "text").Select(text => text.Value).ToList();
        Assert.Contains("0.60 [0.50, 0.70]", texts);
        Assert.Contains("0.40", texts);
        Assert.Contains("unseen colour", texts);
        Assert.Equal(isBars ? 0 : 3, svg.Descendants(Svg + "circle").Count());
    }

    private static XElement Parse(string svg)
    {
        Assert.DoesNotContain("NaN", svg, StringComparison.Ordinal);
        Assert.DoesNotContain("Infinity", svg, StringComparison.Ordinal);
        Assert.DoesNotContain("∞", svg, StringComparison.Ordinal);
        return XElement.Parse(svg);
    }

    private static void AssertInside(XElement svg)
    {
        double width = Number(svg, "width"), height = Number(svg, "height");
        foreach (var element in svg.Descendants())
        {
            foreach (string name in new[] { "x", "x1", "x2", "cx" }) AssertIn(element, name, width);
            foreach (string name in new[] { "y", "y1", "y2", "cy" }) AssertIn(element, name, height);
            foreach (string point in ((string?)element.Attribute("points") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                double[] pair = point.Split(',').Select(value => double.Parse(value, CultureInfo.InvariantCulture)).ToArray();
                Assert.InRange(pair[0], 0, width);
                Assert.InRange(pair[1], 0, height);
            }
        }
    }

    private static void AssertIn(XElement element, string name, double limit)
    {
        if (element.Attribute(name) is not null) Assert.InRange(Number(element, name), 0, limit);
    }

    private static double Number(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);
}
