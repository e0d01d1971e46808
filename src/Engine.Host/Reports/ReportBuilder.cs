using Engine.Runtime.Weights;

namespace Engine.Host.Reports;

/// <summary>
/// A report made of headings, text, tables, charts and pictures, saved as one HTML file that needs nothing else
/// (<see cref="Save"/>) or as Markdown with its pictures beside it (<see cref="SaveMarkdown"/>).
/// </summary>
/// <remarks>In text, <c>**bold**</c>, <c>*italic*</c> and <c>`code`</c> are understood; everything else stands as it is.</remarks>
public sealed class ReportBuilder(string title)
{
    private readonly List<ReportBlock> _blocks = [];

    /// <summary>Title of the page.</summary>
    public string Title { get; } = title;

    internal IReadOnlyList<ReportBlock> Blocks => _blocks;

    /// <summary>A heading; level 2 ones make the table of contents.</summary>
    public ReportBuilder Heading(string text, int level = 2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(level, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(level, 4);
        return Add(new HeadingBlock(text, level));
    }

    /// <summary>A paragraph.</summary>
    public ReportBuilder Paragraph(string text) => Add(new ParagraphBlock(text));

    /// <summary>A paragraph that stands out; <paramref name="isWarning"/> for what the reader must not miss.</summary>
    public ReportBuilder Callout(string text, bool isWarning = false) => Add(new CalloutBlock(text, isWarning));

    /// <summary>A list with bullets.</summary>
    public ReportBuilder Bullets(params IEnumerable<string> items) => Add(new ListBlock(items.ToList()));

    /// <summary>Text in a fixed-width font, e.g. commands or a configuration.</summary>
    public ReportBuilder Code(string text) => Add(new CodeBlock(text));

    /// <summary>A table; columns whose cells are all numbers are set to the right.</summary>
    /// <exception cref="ArgumentException">A row has more or fewer cells than there are headers.</exception>
    public ReportBuilder Table(IReadOnlyList<string> headers, IEnumerable<IReadOnlyList<string>> rows, string caption = "")
    {
        var kept = rows.ToList();
        int wrong = kept.FindIndex(row => row.Count != headers.Count);
        if (wrong >= 0) throw new ArgumentException($"Row {wrong} of a table has {kept[wrong].Count} cells; there are {headers.Count} headers.");
        return Add(new TableBlock(headers, kept, caption));
    }

    /// <summary>The figures that matter most, as large tiles.</summary>
    public ReportBuilder Figures(params IReadOnlyList<(string Label, string Value, string Remark)> figures) => Add(new FiguresBlock(figures));

    /// <summary>A chart.</summary>
    public ReportBuilder Chart(IChart chart) => Add(new ChartBlock(chart));

    /// <summary>A PNG or GIF file, shown <paramref name="scale"/> times as large as it is.</summary>
    /// <exception cref="ArgumentException">The bytes are neither.</exception>
    public ReportBuilder Image(byte[] pngOrGif, string caption, double scale = 1) => Gallery([ReportPicture.From(pngOrGif, caption, scale)]);

    /// <summary>Several pictures in rows.</summary>
    public ReportBuilder Gallery(IEnumerable<ReportPicture> pictures) => Add(new GalleryBlock(pictures.ToList()));

    /// <summary>Everything that <paramref name="fill"/> adds, folded away under one line.</summary>
    public ReportBuilder Details(string summary, Action<ReportBuilder> fill)
    {
        var inner = new ReportBuilder(summary);
        fill(inner);
        return Add(new DetailsBlock(summary, inner.Blocks));
    }

    /// <summary>The page as HTML.</summary>
    public string ToHtml() => ReportHtml.Write(this);

    /// <summary>Writes the page; whole or not at all.</summary>
    public void Save(string path) => AtomicFile.WriteText(path, ToHtml());

    /// <summary>Writes Markdown, and charts and pictures as files into the folder <c>{name}-files</c> beside it.</summary>
    public void SaveMarkdown(string path) => ReportMarkdown.Save(this, path);

    private ReportBuilder Add(ReportBlock block)
    {
        _blocks.Add(block);
        return this;
    }
}
