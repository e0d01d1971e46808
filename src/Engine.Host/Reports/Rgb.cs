namespace Engine.Host.Reports;

/// <summary>A colour, 8 bits a channel.</summary>
public readonly record struct Rgb(byte R, byte G, byte B)
{
    public static Rgb White { get; } = new(255, 255, 255);

    public static Rgb Ink { get; } = new(24, 28, 36);

    public static Rgb Grey { get; } = new(110, 118, 132);

    public static Rgb Green { get; } = new(28, 150, 84);

    public static Rgb Red { get; } = new(206, 56, 56);
}
