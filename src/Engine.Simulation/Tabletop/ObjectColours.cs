using System.Numerics;

namespace Engine.Simulation.Tabletop;

/// <summary>Names and values of <see cref="ObjectColour"/>.</summary>
public static class ObjectColours
{
    /// <summary>The colours of in-distribution scenes.</summary>
    public static ReadOnlySpan<ObjectColour> Seen => [ObjectColour.Red, ObjectColour.Blue, ObjectColour.Yellow, ObjectColour.Green];

    /// <summary>The colours that only the variation <c>unseen_colour</c> shows.</summary>
    public static ReadOnlySpan<ObjectColour> Unseen => [ObjectColour.Purple, ObjectColour.Orange, ObjectColour.Cyan, ObjectColour.White];

    /// <summary>The word of an instruction.</summary>
    public static string Word(this ObjectColour colour) => colour switch
    {
        ObjectColour.Red => "red",
        ObjectColour.Blue => "blue",
        ObjectColour.Yellow => "yellow",
        ObjectColour.Green => "green",
        ObjectColour.Purple => "purple",
        ObjectColour.Orange => "orange",
        ObjectColour.Cyan => "cyan",
        ObjectColour.White => "white",
        _ => throw new ArgumentOutOfRangeException(nameof(colour), colour, "Unknown colour."),
    };

    /// <summary>RGB in [0, 1], far apart from each other and from the table.</summary>
    public static Vector3 Rgb(this ObjectColour colour) => colour switch
    {
        ObjectColour.Red => new(0.90f, 0.08f, 0.08f),
        ObjectColour.Blue => new(0.06f, 0.20f, 0.90f),
        ObjectColour.Yellow => new(1.00f, 0.88f, 0.05f),
        ObjectColour.Green => new(0.05f, 0.62f, 0.12f),
        ObjectColour.Purple => new(0.55f, 0.10f, 0.70f),
        ObjectColour.Orange => new(1.00f, 0.45f, 0.02f),
        ObjectColour.Cyan => new(0.05f, 0.80f, 0.85f),
        ObjectColour.White => new(1.00f, 1.00f, 1.00f),
        _ => throw new ArgumentOutOfRangeException(nameof(colour), colour, "Unknown colour."),
    };
}
