namespace Engine.Host.Reports;

/// <summary>Films side by side in one GIF: truth beside dream, one policy beside another.</summary>
public static class Animation
{
    private const int Gap = 4;
    private const int LabelHeight = 12;

    /// <summary>
    /// Encodes panels that play together; a shorter one holds its last frame. Frames are u8 RGB [height, width, 3].
    /// </summary>
    /// <param name="panels">Label (drawn above, may be empty) and frames of each panel.</param>
    /// <param name="width">Width of a frame in pixels.</param>
    /// <param name="height">Height of a frame in pixels.</param>
    /// <param name="scale">Each pixel becomes a square of this many pixels; labels are not scaled.</param>
    /// <param name="delayMs">Time that each frame is shown (ms).</param>
    /// <param name="columns">Panels in one row; all when 0.</param>
    /// <exception cref="ArgumentException">No panels, a panel without frames, or a frame of another size.</exception>
    public static byte[] Beside(
        IReadOnlyList<(string Label, IReadOnlyList<byte[]> Frames)> panels, int width, int height, int scale = 2, int delayMs = 200, int columns = 0)
    {
        if (panels.Count == 0 || panels.Any(panel => panel.Frames.Count == 0)) throw new ArgumentException("Every panel needs at least one frame.");
        if (columns <= 0) columns = panels.Count;
        columns = Math.Min(columns, panels.Count);
        int rows = (panels.Count + columns - 1) / columns;
        int labelHeight = panels.Any(panel => panel.Label.Length > 0) ? LabelHeight : 0;
        int cellWidth = width * scale + Gap, cellHeight = height * scale + labelHeight + Gap;
        int length = panels.Max(panel => panel.Frames.Count);
        int sheetWidth = columns * cellWidth - Gap, sheetHeight = rows * cellHeight - Gap;
        var frames = new List<byte[]>(length);
        for (int time = 0; time < length; time++)
        {
            var picture = new RgbImage(sheetWidth, sheetHeight, Rgb.White);
            for (int i = 0; i < panels.Count; i++)
            {
                var (label, film) = panels[i];
                int left = i % columns * cellWidth, top = i / columns * cellHeight;
                int letters = (width * scale + 1) / BitmapFont.Advance;
                picture.Text(label.Length > letters ? label[..letters] : label, left, top + 2, Rgb.Ink);
                picture.Draw(film[Math.Min(time, film.Count - 1)], width, height, left, top + labelHeight, scale);
            }

            frames.Add(picture.Pixels);
        }

        return Gif.Encode(frames, sheetWidth, sheetHeight, delayMs, holdMs: Math.Min(1000, delayMs * 5));
    }
}
