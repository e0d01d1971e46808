using Engine.Runtime.Contract;

namespace Engine.Simulation.Tabletop;

/// <summary>How actions move the commanded pose over the table.</summary>
public static class TabletopEmbodiment
{
    /// <summary>Greatest displacement of one control step (m).</summary>
    public const float StepMetres = 0.035f;

    /// <summary>Greatest turn of one control step (rad).</summary>
    public const float StepRadians = 0.15f;

    /// <summary>Lowest commanded height of the fingertips' middle (m): the pads end 1 cm below it.</summary>
    public const float LowestTip = 0.016f;

    /// <summary>Control rate (Hz).</summary>
    public const double ControlHz = 5;

    /// <summary>Names of the action's numbers.</summary>
    public static string[] ActionNames => ["dx (m)", "dy (m)", "dz (m)", "droll (rad)", "dpitch (rad)", "dyaw (rad)", "gripper (>0.5 open)"];

    /// <summary>Names of the state's numbers.</summary>
    public static string[] StateNames => ["x (m)", "y (m)", "z (m)", "qw", "qx", "qy", "qz", "gripper (1 open)"];

    /// <summary>Step limits and workspace: 0.32 × 0.40 × 0.20 m over the table.</summary>
    public static EmbodimentSpec Spec { get; } = new()
    {
        StepLimit = [StepMetres, StepMetres, StepMetres, StepRadians, StepRadians, StepRadians],
        PoseLow = [-0.16f, -0.20f, LowestTip, -0.2f, -0.2f, -0.8f],
        PoseHigh = [0.16f, 0.20f, 0.216f, 0.2f, 0.2f, 0.8f],
        ControlHz = ControlHz,
    };
}
