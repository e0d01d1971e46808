using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace Engine.Host.Reports;

/// <summary>Writes a report as one HTML page: style inline, pictures as data, no scripts, nothing fetched.</summary>
internal static partial class ReportHtml
{
    private const string Style = """
        :root{color-scheme:light dark;--ink:#1d2433;--muted:#5d6880;--page:#f6f7f9;--card:#fff;--line:#e2e6ed;--accent:#2563c9;--soft:#eef3fb;--warn:#b45309;--warn-soft:#fdf4e3}
        @media(prefers-color-scheme:dark){:root{--ink:#e6e9f0;--muted:#98a2b3;--page:#10141c;--card:#171c27;--line:#2b3242;--accent:#74a5ff;--soft:#1c2536;--warn:#f4b55c;--warn-soft:#2c2415}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--ink);font:15px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
        main{max-width:920px;margin:0 auto;padding:36px 24px 72px}
        h1{font-size:28px;line-height:1.25;margin:0 0 20px}
        h2{font-size:20px;margin:44px 0 10px;padding-bottom:6px;border-bottom:1px solid var(--line)}
        h3{font-size:16px;margin:28px 0 8px}h4{font-size:15px;margin:20px 0 6px;color:var(--muted)}
        p{margin:8px 0 12px}a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
        nav{display:flex;flex-wrap:wrap;gap:4px 18px;margin-bottom:8px;font-size:14px}
        code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
        code{background:var(--soft);padding:1px 5px;border-radius:4px}
        pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px;overflow:auto}
        .scroll{overflow-x:auto;margin:12px 0;background:var(--card);border:1px solid var(--line);border-radius:8px}
        table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
        th,td{padding:7px 14px;text-align:left;white-space:nowrap}
        th{color:var(--muted);font-weight:600;border-bottom:1px solid var(--line)}
        tr+tr td{border-top:1px solid var(--line)}.n{text-align:right}
        caption,figcaption{color:var(--muted);font-size:13px;text-align:left;caption-side:bottom;padding:8px 14px}
        .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:14px 0}
        .figures div{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 16px}
        .figures span{display:block;color:var(--muted);font-size:13px}.figures b{display:block;font-size:24px;line-height:1.35}
        .callout{background:var(--soft);border-left:4px solid var(--accent);border-radius:4px;padding:10px 16px;margin:14px 0}
        .warning{background:var(--warn-soft);border-color:var(--warn)}
        .plot{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px;margin:14px 0}
        .plot svg{display:block;width:100%;height:auto}
        .gallery{display:flex;flex-wrap:wrap;gap:16px;margin:14px 0}
        figure{margin:0;max-width:100%}figure img{display:block;max-width:100%;height:auto;image-rendering:pixelated;border-radius:6px;border:1px solid var(--line)}
        figcaption{padding:6px 0}details{margin:14px 0}summary{cursor:pointer;color:var(--accent)}
        """;

    public static string Write(ReportBuilder report)
    {
        var html = new StringBuilder();
        html.Append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
            .Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
            .Append("<title>").Append(Escape(report.Title)).Append("</title>\n<style>\n").Append(Style).Append("\n</style>\n</head>\n<body>\n<main>\n<h1>")
            .Append(Escape(report.Title)).Append("</h1>\n");

        var anchors = Anchors(report.Blocks);
        var contents = report.Blocks.OfType<HeadingBlock>().Where(heading => heading.Level == 2).ToList();
        if (contents.Count > 2)
        {
            html.Append("<nav>");
            foreach (var heading in contents) html.Append("<a href=\"#").Append(anchors[heading]).Append("\">").Append(Escape(heading.Text)).Append("</a>");
            html.Append("</nav>\n");
        }

        foreach (var block in report.Blocks) WriteBlock(html, block, anchors);
        return html.Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static void WriteBlock(StringBuilder html, ReportBlock block, IReadOnlyDictionary<HeadingBlock, string> anchors)
    {
        switch (block)
        {
            case HeadingBlock heading:
                string id = anchors.TryGetValue(heading, out string? anchor) ? $" id=\"{anchor}\"" : "";
                html.Append(CultureInfo.InvariantCulture, $"<h{heading.Level}{id}>{Inline(heading.Text)}</h{heading.Level}>\n");
                break;
            case ParagraphBlock paragraph:
                html.Append("<p>").Append(Inline(paragraph.Text)).Append("</p>\n");
                break;
            case CalloutBlock callout:
                html.Append(callout.IsWarning ? "<div class=\"callout warning\">" : "<div class=\"callout\">").Append(Inline(callout.Text)).Append("</div>\n");
                break;
            case ListBlock list:
                html.Append("<ul>").AppendJoin("", list.Items.Select(item => $"<li>{Inline(item)}</li>")).Append("</ul>\n");
                break;
            case CodeBlock code:
                html.Append("<pre>").Append(Escape(code.Text.TrimEnd())).Append("</pre>\n");
                break;
            case TableBlock table:
                WriteTable(html, table);
                break;
            case FiguresBlock figures:
                html.Append("<div class=\"figures\">")
                    .AppendJoin("", figures.Figures.Select(f => $"<div><span>{Inline(f.Label)}</span><b>{Inline(f.Value)}</b><span>{Inline(f.Remark)}</span></div>"))
                    .Append("</div>\n");
                break;
            case ChartBlock chart:
                html.Append("<div class=\"plot\">").Append(chart.Chart.ToSvg(860)).Append("</div>\n");
                break;
            case GalleryBlock gallery:
                WriteGallery(html, gallery);
                break;
            case DetailsBlock details:
                html.Append("<details><summary>").Append(Inline(details.Summary)).Append("</summary>\n");
                foreach (var inner in details.Blocks) WriteBlock(html, inner, anchors);
                html.Append("</details>\n");
                break;
        }
    }

    private static void WriteTable(StringBuilder html, TableBlock table)
    {
        string[] columns = Enumerable.Range(0, table.Headers.Count).Select(column => table.IsNumeric(column) ? " class=\"n\"" : "").ToArray();
        html.Append("<div class=\"scroll\"><table>");
        if (table.Caption.Length > 0) html.Append("<caption>").Append(Inline(table.Caption)).Append("</caption>");
        html.Append("<thead><tr>");
        for (int i = 0; i < columns.Length; i++) html.Append("<th").Append(columns[i]).Append('>').Append(Inline(table.Headers[i])).Append("</th>");
        html.Append("</tr></thead>\n<tbody>\n");
        foreach (var row in table.Rows)
        {
            html.Append("<tr>");
            for (int i = 0; i < columns.Length; i++) html.Append("<td").Append(columns[i]).Append('>').Append(Inline(row[i])).Append("</td>");
            html.Append("</tr>\n");
        }

        html.Append("</tbody></table></div>\n");
    }

    private static void WriteGallery(StringBuilder html, GalleryBlock gallery)
    {
        html.Append("<div class=\"gallery\">");
        foreach (var picture in gallery.Pictures)
        {
            html.Append(CultureInfo.InvariantCulture, $"<figure style=\"width:{picture.Width}px\"><img width=\"{picture.Width}\" height=\"{picture.Height}\" alt=\"{Escape(picture.Caption)}\" src=\"data:image/{picture.Kind};base64,")
                .Append(Convert.ToBase64String(picture.File)).Append("\">");
            if (picture.Caption.Length > 0) html.Append("<figcaption>").Append(Inline(picture.Caption)).Append("</figcaption>");
            html.Append("</figure>");
        }

        html.Append("</div>\n");
    }

    private static Dictionary<HeadingBlock, string> Anchors(IReadOnlyList<ReportBlock> blocks)
    {
        var anchors = new Dictionary<HeadingBlock, string>(ReferenceEqualityComparer.Instance);
        foreach (var heading in blocks.OfType<HeadingBlock>())
        {
            string name = NotWord().Replace(heading.Text.ToLowerInvariant(), "-").Trim('-');
            string anchor = name;
            for (int i = 2; anchors.ContainsValue(anchor); i++) anchor = string.Create(CultureInfo.InvariantCulture, $"{name}-{i}");
            anchors[heading] = anchor;
        }

        return anchors;
    }

    private static string Inline(string text) => Code().Replace(Italic().Replace(Bold().Replace(Escape(text), "<b>$1</b>"), "<i>$1</i>"), "<code>$1</code>");

    private static string Escape(string text) => WebUtility.HtmlEncode(text);

    [GeneratedRegex(@"\*\*(.+?)\*\*")]
    private static partial Regex Bold();

    // A star between numbers or spaces is a star.
    [GeneratedRegex(@"(?<![\w*])\*(?![\s*])([^*`]+?)(?<!\s)\*(?![\w*])")]
    private static partial Regex Italic();

    [GeneratedRegex("`(.+?)`")]
    private static partial Regex Code();

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex NotWord();
}
