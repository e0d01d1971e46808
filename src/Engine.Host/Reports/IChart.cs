namespace Engine.Host.Reports;

/// <summary>A drawing as SVG that needs no scripts and follows the reader's light or dark theme.</summary>
public interface IChart
{
    string Title { get; }

    /// <summary>A whole <c>svg</c> element, <paramref name="width"/> pixels wide before it is fitted to the page.</summary>
    string ToSvg(int width = 720);
}
