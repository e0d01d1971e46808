using System.Globalization;
using System.Net;
using System.Text;

namespace Engine.Host.Reports;

/// <summary>Writes SVG elements; colours are classes and variables of a style that knows light and dark.</summary>
internal sealed class SvgCanvas
{
    /// <summary>Number of series colours; further series begin again.</summary>
    public const int Colours = 8;

    private const double LetterWidth = 6.3;

    private const string Style =
        ".chart{--ink:#1d2433;--muted:#667085;--grid:#e6e9ef;--axis:#b5bccb;" +
        "--s0:#2563c9;--s1:#d4600a;--s2:#16876b;--s3:#a83279;--s4:#8a6d00;--s5:#0b8fb5;--s6:#6f4bd8;--s7:#c0392b;" +
        "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:12px}" +
        "@media(prefers-color-scheme:dark){.chart{--ink:#e6e9f0;--muted:#98a2b3;--grid:#2b3242;--axis:#4b5568;" +
        "--s0:#74a5ff;--s1:#ff9e58;--s2:#4fd0ab;--s3:#ee82c4;--s4:#e0bf45;--s5:#5cc8e8;--s6:#b29bff;--s7:#ff8378}}" +
        ".chart text{fill:var(--ink)}.chart .muted{fill:var(--muted)}.chart .title{font-size:14px;font-weight:600}" +
        ".chart .grid{stroke:var(--grid)}.chart .axis{stroke:var(--axis)}.chart .rule{stroke:var(--muted);stroke-dasharray:4 4}";

    private readonly StringBuilder _text = new();

    public SvgCanvas(int width, int height, string title)
    {
        _text.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{Escape(title)}\"><style>{Style}</style>");
    }

    public static string Series(int index) => $"var(--s{index % Colours})";

    /// <summary>Pixels that a text is wide, nearly.</summary>
    public static double Measure(string text) => text.Length * LetterWidth;

    public void Text(string text, double x, double y, string anchor = "start", string type = "", double turn = 0)
    {
        string transform = turn == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" transform=\"rotate({turn:0} {x:0.#} {y:0.#})\"");
        _text.Append(CultureInfo.InvariantCulture, $"<text x=\"{x:0.#}\" y=\"{y:0.#}\" text-anchor=\"{anchor}\" class=\"{type}\"{transform}>{Escape(text)}</text>");
    }

    public void Line(double x1, double y1, double x2, double y2, string type) =>
        _text.Append(CultureInfo.InvariantCulture, $"<line x1=\"{x1:0.#}\" y1=\"{y1:0.#}\" x2=\"{x2:0.#}\" y2=\"{y2:0.#}\" class=\"{type}\"/>");

    public void ColouredLine(double x1, double y1, double x2, double y2, string colour, double width) =>
        _text.Append(CultureInfo.InvariantCulture, $"<line x1=\"{x1:0.#}\" y1=\"{y1:0.#}\" x2=\"{x2:0.#}\" y2=\"{y2:0.#}\" stroke=\"{colour}\" stroke-width=\"{width:0.#}\" stroke-linecap=\"round\"/>");

    public void Polyline(IReadOnlyList<(double X, double Y)> points, string colour, bool isDashed)
    {
        if (points.Count == 0) return;
        _text.Append("<polyline fill=\"none\" stroke-width=\"2\" stroke-linejoin=\"round\" stroke-linecap=\"round\" stroke=\"").Append(colour).Append('"');
        if (isDashed) _text.Append(" stroke-dasharray=\"6 4\"");
        AppendPoints(points);
        _text.Append("/>");
    }

    public void Band(IReadOnlyList<(double X, double Y)> outline, string colour)
    {
        if (outline.Count == 0) return;
        _text.Append("<polygon fill-opacity=\"0.16\" fill=\"").Append(colour).Append('"');
        AppendPoints(outline);
        _text.Append("/>");
    }

    public void Dot(double x, double y, double radius, string colour, string tip) =>
        _text.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{x:0.#}\" cy=\"{y:0.#}\" r=\"{radius:0.#}\" fill=\"{colour}\">{Tip(tip)}</circle>");

    public void Bar(double x, double y, double width, double height, string colour, double opacity, string tip) =>
        _text.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x:0.#}\" y=\"{y:0.#}\" width=\"{Math.Max(0, width):0.#}\" height=\"{height:0.#}\" rx=\"2\" fill=\"{colour}\" fill-opacity=\"{opacity:0.##}\">{Tip(tip)}</rect>");

    /// <summary>A legend in rows from the left; returns the pixel below it.</summary>
    public double Legend(IReadOnlyList<string> names, double left, double top, double right)
    {
        double x = left;
        for (int i = 0; i < names.Count; i++)
        {
            double width = 22 + Measure(names[i]) + 14;
            if (x > left && x + width > right) (x, top) = (left, top + 18);
            Bar(x, top + 3, 14, 6, Series(i), 1, "");
            Text(names[i], x + 20, top + 10);
            x += width;
        }

        return top + 18;
    }

    public override string ToString() => _text + "</svg>";

    public static string Escape(string text) => WebUtility.HtmlEncode(text);

    private static string Tip(string tip) => tip.Length == 0 ? "" : $"<title>{Escape(tip)}</title>";

    private void AppendPoints(IReadOnlyList<(double X, double Y)> points)
    {
        _text.Append(" points=\"");
        foreach (var (x, y) in points) _text.Append(CultureInfo.InvariantCulture, $"{x:0.#},{y:0.#} ");
        _text.Length--;
        _text.Append('"');
    }
}
