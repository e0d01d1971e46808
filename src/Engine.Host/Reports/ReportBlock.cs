namespace Engine.Host.Reports;

/// <summary>One piece of a report, for the HTML and the Markdown writer.</summary>
internal abstract record ReportBlock;

internal sealed record HeadingBlock(string Text, int Level) : ReportBlock;

internal sealed record ParagraphBlock(string Text) : ReportBlock;

internal sealed record CalloutBlock(string Text, bool IsWarning) : ReportBlock;

internal sealed record ListBlock(IReadOnlyList<string> Items) : ReportBlock;

internal sealed record CodeBlock(string Text) : ReportBlock;

internal sealed record TableBlock(IReadOnlyList<string> Headers, IReadOnlyList<IReadOnlyList<string>> Rows, string Caption) : ReportBlock
{
    /// <summary>Whether all cells of a column begin like numbers, so that they line up at the right.</summary>
    public bool IsNumeric(int column)
    {
        bool any = false;
        foreach (var row in Rows)
        {
            string cell = row[column].Trim();
            if (cell is "" or "–" or "-" or "—") continue;
            if (!char.IsAsciiDigit(cell.TrimStart('+', '-', '−', '<', '±', ' ', '*', '[').FirstOrDefault())) return false;
            any = true;
        }

        return any;
    }
}

internal sealed record FiguresBlock(IReadOnlyList<(string Label, string Value, string Remark)> Figures) : ReportBlock;

internal sealed record ChartBlock(IChart Chart) : ReportBlock;

internal sealed record GalleryBlock(IReadOnlyList<ReportPicture> Pictures) : ReportBlock;

internal sealed record DetailsBlock(string Summary, IReadOnlyList<ReportBlock> Blocks) : ReportBlock;
