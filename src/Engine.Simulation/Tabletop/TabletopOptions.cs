namespace Engine.Simulation.Tabletop;

/// <summary>How many tables there are and what their cameras give.</summary>
public sealed record TabletopOptions
{
    /// <summary>Number of environments.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Threads for physics and drawing; 0 takes one per core. Results do not depend on it.</summary>
    public int Threads { get; init; }

    /// <summary>Height of an image (pixels).</summary>
    public int Height { get; init; } = 64;

    /// <summary>Width of an image (pixels).</summary>
    public int Width { get; init; } = 64;

    /// <summary>Each pixel is the mean of supersample² drawn ones, 1 to 4.</summary>
    public int Supersample { get; init; } = 2;

    /// <summary>Whether the light casts shadows: about three times slower to draw.</summary>
    public bool Shadows { get; init; }

    /// <summary>Cameras, out of <c>front</c> and <c>wrist</c>.</summary>
    public string[] Cameras { get; init; } = ["front", "wrist"];
}
