namespace Engine.Simulation.Tabletop;

/// <summary>Shapes of objects.</summary>
public enum ObjectShape
{
    /// <summary>Cube of 4 cm.</summary>
    Cube,

    /// <summary>Upright cylinder, 4 cm wide, 4.4 cm high.</summary>
    Cylinder,

    /// <summary>Ball of 4.4 cm.</summary>
    Ball,

    /// <summary>Block letter L, never a target in training scenes.</summary>
    BlockL,

    /// <summary>Block letter T, never a target in training scenes.</summary>
    BlockT,

    /// <summary>Bowl, 10 cm wide.</summary>
    Bowl,

    /// <summary>Plate, 10 cm wide.</summary>
    Plate,
}
