namespace Engine.Simulation.Tabletop;

/// <summary>Colours of objects, by the word that instructions use.</summary>
public enum ObjectColour
{
    /// <summary>Red.</summary>
    Red,

    /// <summary>Blue.</summary>
    Blue,

    /// <summary>Yellow.</summary>
    Yellow,

    /// <summary>Green.</summary>
    Green,

    /// <summary>Purple; never in training scenes.</summary>
    Purple,

    /// <summary>Orange; never in training scenes.</summary>
    Orange,

    /// <summary>Cyan; never in training scenes.</summary>
    Cyan,

    /// <summary>White; never in training scenes.</summary>
    White,
}
