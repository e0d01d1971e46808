namespace Engine.Host.Commands;

/// <summary>Prints columns that line up; works where output is redirected.</summary>
public static class TextTable
{
    /// <summary>Writes headers, a rule and rows; columns of numbers are set to the right.</summary>
    /// <exception cref="ArgumentException">A row has another number of cells than there are headers.</exception>
    public static void Print(TextWriter output, IReadOnlyList<string> headers, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (rows.FirstOrDefault(row => row.Count != headers.Count) is { } wrong)
            throw new ArgumentException($"A row has {wrong.Count} cells; there are {headers.Count} headers.");
        int[] widths = Enumerable.Range(0, headers.Count)
            .Select(column => rows.Select(row => row[column].Length).Append(headers[column].Length).Max()).ToArray();
        bool[] areNumbers = Enumerable.Range(0, headers.Count)
            .Select(column => rows.Count > 0 && rows.All(row => row[column].Length == 0 || IsNumber(row[column]))).ToArray();
        output.WriteLine(Line(headers));
        output.WriteLine(string.Join("  ", widths.Select(width => new string('─', width))));
        foreach (var row in rows) output.WriteLine(Line(row));

        string Line(IReadOnlyList<string> cells) => string.Join("  ", cells.Select((cell, column) =>
            areNumbers[column] ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))).TrimEnd();
    }

    private static bool IsNumber(string cell)
    {
        string text = cell.TrimStart('+', '-', '−');
        return text.Length > 0 && char.IsAsciiDigit(text[0]);
    }
}
