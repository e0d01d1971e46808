using System.Globalization;
using System.Text;
using Engine.Runtime.Weights;

namespace Engine.Host.Reports;

/// <summary>Writes a report as Markdown, its charts and pictures as files in a folder beside it.</summary>
internal static class ReportMarkdown
{
    public static void Save(ReportBuilder report, string path)
    {
        string folder = Path.GetFileNameWithoutExtension(path) + "-files";
        string full = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, folder);
        var files = new List<(string Name, byte[] Content)>();
        var text = new StringBuilder().Append("# ").Append(report.Title).Append('\n');
        foreach (var block in report.Blocks) Write(text, block, folder, files);
        foreach (var (name, content) in files) AtomicFile.WriteBytes(Path.Combine(full, name), content);
        AtomicFile.WriteText(path, text.ToString());
    }

    private static void Write(StringBuilder text, ReportBlock block, string folder, List<(string Name, byte[] Content)> files)
    {
        text.Append('\n');
        switch (block)
        {
            case HeadingBlock heading:
                text.Append('#', heading.Level).Append(' ').Append(heading.Text).Append('\n');
                break;
            case ParagraphBlock paragraph:
                text.Append(paragraph.Text).Append('\n');
                break;
            case CalloutBlock callout:
                text.Append("> ").Append(callout.IsWarning ? "**Note well.** " : "").Append(callout.Text).Append('\n');
                break;
            case ListBlock list:
                foreach (string item in list.Items) text.Append("- ").Append(item).Append('\n');
                break;
            case CodeBlock code:
                text.Append("```\n").Append(code.Text.TrimEnd()).Append("\n```\n");
                break;
            case TableBlock table:
                WriteTable(text, table);
                break;
            case FiguresBlock figures:
                WriteTable(text, new TableBlock(["figure", "value", ""], figures.Figures.Select(f => (IReadOnlyList<string>)[f.Label, f.Value, f.Remark]).ToList(), ""));
                break;
            case ChartBlock chart:
                WritePicture(text, chart.Chart.Title, "svg", Encoding.UTF8.GetBytes(chart.Chart.ToSvg()), folder, files);
                break;
            case GalleryBlock gallery:
                foreach (var picture in gallery.Pictures) WritePicture(text, picture.Caption, picture.Kind, picture.File, folder, files);
                break;
            case DetailsBlock details:
                text.Append("<details><summary>").Append(details.Summary).Append("</summary>\n");
                foreach (var inner in details.Blocks) Write(text, inner, folder, files);
                text.Append("\n</details>\n");
                break;
        }
    }

    private static void WriteTable(StringBuilder text, TableBlock table)
    {
        static string Cell(string cell) => cell.Replace("|", "\\|", StringComparison.Ordinal).Replace('\n', ' ');
        text.Append("| ").AppendJoin(" | ", table.Headers.Select(Cell)).Append(" |\n|")
            .AppendJoin("|", Enumerable.Range(0, table.Headers.Count).Select(column => table.IsNumeric(column) ? "--:" : "---")).Append("|\n");
        foreach (var row in table.Rows) text.Append("| ").AppendJoin(" | ", row.Select(Cell)).Append(" |\n");
        if (table.Caption.Length > 0) text.Append('\n').Append(table.Caption).Append('\n');
    }

    private static void WritePicture(StringBuilder text, string caption, string kind, byte[] content, string folder, List<(string Name, byte[] Content)> files)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"{files.Count + 1:00}.{kind}");
        files.Add((name, content));
        text.Append("![").Append(caption.Replace("]", "\\]", StringComparison.Ordinal)).Append("](").Append(folder).Append('/').Append(name).Append(")\n\n");
        if (caption.Length > 0 && kind != "svg") text.Append('*').Append(caption).Append("*\n");
    }
}
