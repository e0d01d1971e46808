namespace Engine.Simulation.Tabletop;

/// <summary>One object of a scene as it stands at the start.</summary>
/// <param name="Shape">Shape.</param>
/// <param name="Colour">Colour.</param>
/// <param name="X">Position (m), towards the camera.</param>
/// <param name="Y">Position (m), to the right in the front camera's picture.</param>
/// <param name="Yaw">Heading (rad).</param>
public sealed record SceneObject(ObjectShape Shape, ObjectColour Colour, double X, double Y, double Yaw)
{
    /// <summary>Name in an instruction, e.g. <c>red cube</c>.</summary>
    public string Name => $"{Colour.Word()} {Shape.Word()}";
}
