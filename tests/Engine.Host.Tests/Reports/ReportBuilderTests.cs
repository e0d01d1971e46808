using System.Text.RegularExpressions;
using Engine.Host.Reports;

namespace Engine.Host.Tests.Reports;

public sealed partial class ReportBuilderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("engine-report-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_page_holds_everything_and_fetches_nothing()
    {
        byte[] png = Png.Encode(TestPictures.Gradient(8, 6), 8, 6);
        string html = Sample(png).ToHtml();
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("http", html.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("Dream &lt;1&gt;", html, StringComparison.Ordinal);
        Assert.Contains("<b>better</b> by <code>0.14</code>", html, StringComparison.Ordinal);
        Assert.Contains("<svg ", html, StringComparison.Ordinal);
        Assert.Contains("prefers-color-scheme:dark", html, StringComparison.Ordinal);

        string data = DataUri().Match(html).Groups[1].Value;
        Assert.Equal(png, Convert.FromBase64String(data));
        Assert.Contains("width=\"16\" height=\"12\"", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_tag_that_opens_closes()
    {
        string html = Sample(Png.Encode([1, 2, 3], 1, 1)).ToHtml();
        var open = new Stack<string>();
        foreach (Match tag in Tag().Matches(html))
        {
            string name = tag.Groups[2].Value.ToLowerInvariant();
            if (name is "meta" or "img" || tag.Groups[3].Value == "/") continue;
            if (tag.Groups[1].Value == "/") Assert.Equal(open.Pop(), name);
            else open.Push(name);
        }

        Assert.Empty(open);
    }

    [Fact]
    public void Headings_make_a_table_of_contents_with_anchors_of_their_own()
    {
        string html = new ReportBuilder("r").Heading("Curves").Heading("Curves").Heading("Über: 1 & 2").ToHtml();
        Assert.Contains("<a href=\"#curves\">", html, StringComparison.Ordinal);
        Assert.Contains("<a href=\"#curves-2\">", html, StringComparison.Ordinal);
        Assert.Contains("<h2 id=\"curves-2\">", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_stand_at_the_right_of_their_columns()
    {
        string html = new ReportBuilder("r").Table(["policy", "success", "note"], [["bc", "0.6", "1 seed"], ["online", "+0.74", "none"], ["x", "–", ""]]).ToHtml();
        Assert.Contains("<th>policy</th><th class=\"n\">success</th><th>note</th>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Stars_are_italics_only_around_words()
    {
        string html = new ReportBuilder("r").Paragraph("for *lift* it is 2 * 3 * 4 and **so**").ToHtml();
        Assert.Contains("for <i>lift</i> it is 2 * 3 * 4 and <b>so</b>", html, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_saved_whole_and_leaves_nothing_beside_it()
    {
        string path = Path.Combine(_folder, "sub", "report.html");
        var report = Sample(Png.Encode([1, 2, 3], 1, 1));
        report.Save(path);
        report.Save(path);
        Assert.Equal(report.ToHtml(), File.ReadAllText(path));
        Assert.Single(Directory.GetFiles(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void Markdown_has_its_pictures_beside_it()
    {
        byte[] png = Png.Encode([1, 2, 3], 1, 1);
        string path = Path.Combine(_folder, "results.md");
        Sample(png).SaveMarkdown(path);
        string text = File.ReadAllText(path);
        Assert.StartsWith("# Dream <1>\n", text, StringComparison.Ordinal);
        Assert.Contains("| bc | 0.60 |", text, StringComparison.Ordinal);
        Assert.Contains("|---|--:|", text, StringComparison.Ordinal);
        foreach (Match link in Link().Matches(text)) Assert.True(File.Exists(Path.Combine(_folder, link.Groups[1].Value)), link.Value);
        Assert.Equal(2, Link().Count(text));
        Assert.Equal(png, File.ReadAllBytes(Directory.GetFiles(Path.Combine(_folder, "results-files"), "*.png").Single()));
    }

    [Fact]
    public void Wrong_input_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new ReportBuilder("r").Table(["a", "b"], [["1"]]));
        Assert.Throws<ArgumentException>(() => new ReportBuilder("r").Image([1, 2, 3], "neither"));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ReportBuilder("r").Heading("x", 1));
    }

    private static ReportBuilder Sample(byte[] png) => new ReportBuilder("Dream <1>")
        .Figures(("success", "0.74", "n = 300"), ("gain", "+0.14", "[0.08, 0.20]"))
        .Heading("Curves")
        .Paragraph("The dream is **better** by `0.14`.")
        .Callout("The gate does not hold.", isWarning: true)
        .Chart(new LineChart("Loss", "step", "loss").Line("train", [3, 2, 1]))
        .Heading("Tables")
        .Table(["policy", "success"], [["bc", "0.60"], ["online", "0.74"]], "200 episodes")
        .Bullets("one", "two")
        .Details("Configuration", inner => inner.Code("steps: 3"))
        .Heading("Pictures")
        .Image(png, "a picture", 2);

    [GeneratedRegex("src=\"data:image/png;base64,([^\"]+)\"")]
    private static partial Regex DataUri();

    [GeneratedRegex("<(/?)([a-zA-Z0-9]+)[^>]*?(/?)>")]
    private static partial Regex Tag();

    [GeneratedRegex(@"!\[[^\]]*\]\(([^)]+)\)")]
    private static partial Regex Link();
}
