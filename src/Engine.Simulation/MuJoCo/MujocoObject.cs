namespace Engine.Simulation.MuJoCo;

/// <summary>Kinds of named objects, with MuJoCo's numbers (mjtObj).</summary>
public enum MujocoObject
{
    /// <summary>Body.</summary>
    Body = 1,

    /// <summary>Joint.</summary>
    Joint = 3,

    /// <summary>Geom.</summary>
    Geom = 5,

    /// <summary>Site.</summary>
    Site = 6,

    /// <summary>Camera.</summary>
    Camera = 7,

    /// <summary>Texture.</summary>
    Texture = 12,
}
