using System.Globalization;
using Engine.Runtime.Contract;

namespace Engine.Host.Reports;

/// <summary>Many small pictures on one large one, a strip per row with a caption, for a person to look over.</summary>
public static class ContactSheet
{
    private const int Margin = 10;
    private const int Gap = 3;
    private const int CaptionHeight = 14;
    private const int RowGap = 8;

    /// <summary>Draws strips of pictures of <paramref name="width"/> × <paramref name="height"/>, each pixel a square of <paramref name="scale"/>.</summary>
    /// <exception cref="ArgumentException">No rows, or a picture of another size.</exception>
    public static RgbImage Draw(IReadOnlyList<ContactSheetRow> rows, int width, int height, int scale = 1, string title = "")
    {
        if (rows.Count == 0) throw new ArgumentException("A contact sheet needs at least one row.");
        int columns = rows.Max(row => row.Pictures.Count);
        int tileWidth = width * scale, tileHeight = height * scale;
        int captions = rows.Max(row => BitmapFont.Measure(row.Caption) + 14);
        int sheetWidth = 2 * Margin + Math.Max(Math.Max(columns * (tileWidth + Gap) - Gap, captions), BitmapFont.Measure(title) * 2);
        int titleHeight = title.Length > 0 ? 24 : 0;
        int sheetHeight = 2 * Margin + titleHeight + rows.Count * (CaptionHeight + tileHeight + RowGap) - RowGap;
        var sheet = new RgbImage(sheetWidth, sheetHeight, Rgb.White);

        if (title.Length > 0) sheet.Text(title, Margin, Margin, Rgb.Ink, 2);
        int y = Margin + titleHeight;
        foreach (var row in rows)
        {
            int x = Margin;
            if (row.Mark is { } mark)
            {
                sheet.Fill(x, y + 1, 8, 8, mark);
                x += 13;
            }

            sheet.Text(row.Caption, x, y + 1, Rgb.Ink);
            for (int i = 0; i < row.Pictures.Count; i++)
                sheet.Draw(row.Pictures[i], width, height, Margin + i * (tileWidth + Gap), y + CaptionHeight, scale);
            y += CaptionHeight + tileHeight + RowGap;
        }

        return sheet;
    }

    /// <summary>A strip of an episode: <paramref name="columns"/> frames of one camera, evenly spread from the first to the last.</summary>
    /// <param name="name">Begins the caption, e.g. the episode's number.</param>
    /// <param name="episode">The episode.</param>
    /// <param name="camera">One of its cameras.</param>
    /// <param name="columns">Frames to show, at least 2; fewer when the episode is shorter.</param>
    public static ContactSheetRow Strip(string name, Episode episode, CameraSpec camera, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 2);
        byte[] images = episode.Images[camera.Name];
        int frames = episode.Length + 1;
        int shown = Math.Min(columns, frames);
        var pictures = new List<byte[]>(shown);
        for (int i = 0; i < shown; i++)
        {
            int frame = shown == 1 ? 0 : (int)Math.Round((double)i * (frames - 1) / (shown - 1));
            pictures.Add(images.AsSpan(frame * camera.Bytes, camera.Bytes).ToArray());
        }

        string variation = episode.Variation == "in_distribution" ? "" : $", {episode.Variation}";
        string outcome = episode.Success ? "success" : "failure";
        string caption = string.Create(CultureInfo.InvariantCulture, $"{name} {episode.Instruction} ({episode.Actor}{variation}): {outcome}, {episode.Length} steps");
        return new ContactSheetRow(caption, pictures, episode.Success ? Rgb.Green : Rgb.Red);
    }
}
