using System.Numerics;
using Engine.Simulation.MuJoCo;

namespace Engine.Simulation.Tabletop;

/// <summary>Everything that an <see cref="Runtime.Contract.EpisodeSpec"/> decides before the first action.</summary>
public sealed record SceneLayout
{
    /// <summary>Task family.</summary>
    public required string Task { get; init; }

    /// <summary>Variation.</summary>
    public required string Variation { get; init; }

    /// <summary>The objects, ordered by shape.</summary>
    public required SceneObject[] Objects { get; init; }

    /// <summary>Index of the named object.</summary>
    public required int Target { get; init; }

    /// <summary>Index of the object that the target is brought to, or −1.</summary>
    public required int Destination { get; init; }

    /// <summary>The instruction in words.</summary>
    public required string Instruction { get; init; }

    /// <summary>Fingertips at the start (m): x, y, z.</summary>
    public required float[] Start { get; init; }

    /// <summary>Index of the table's texture: −1 is the plain one, otherwise an index in <see cref="SceneMjcf.OtherTextures"/>.</summary>
    public int Texture { get; init; } = -1;

    /// <summary>The table's tint, RGB in [0, 1].</summary>
    public Vector3 Tint { get; init; } = Vector3.One;

    /// <summary>Lights in place of the usual ones.</summary>
    public LightLook Light { get; init; }

    /// <summary>Displacement of the front camera in its own frame (m), rotation vector (rad), field of view (degrees, 0 as usual).</summary>
    public (Vector3 Offset, Vector3 Rotation, float FieldOfView) FrontCamera { get; init; }
}
