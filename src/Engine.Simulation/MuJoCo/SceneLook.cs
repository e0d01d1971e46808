namespace Engine.Simulation.MuJoCo;

/// <summary>What one environment looks like beyond its shared model.</summary>
public sealed class SceneLook
{
    /// <summary>Colours and textures of geoms.</summary>
    public GeomLook[] Geoms { get; init; } = [];

    /// <summary>Moved cameras.</summary>
    public CameraLook[] Cameras { get; init; } = [];

    /// <summary>Lights.</summary>
    public LightLook Light { get; init; }
}
