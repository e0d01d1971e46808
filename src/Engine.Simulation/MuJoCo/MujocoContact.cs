using System.Runtime.InteropServices;

namespace Engine.Simulation.MuJoCo;

/// <summary>One contact point between two geoms.</summary>
[StructLayout(LayoutKind.Sequential)]
public readonly struct MujocoContact
{
    /// <summary>First geom.</summary>
    public readonly int Geom1;

    /// <summary>Second geom.</summary>
    public readonly int Geom2;

    /// <summary>Body of the first geom.</summary>
    public readonly int Body1;

    /// <summary>Body of the second geom.</summary>
    public readonly int Body2;

    /// <summary>Distance (m), negative when the geoms overlap.</summary>
    public readonly double Distance;

    /// <summary>Normal force (N).</summary>
    public readonly double Force;
}
