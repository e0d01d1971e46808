namespace Engine.Simulation.Tabletop;

/// <summary>
/// The arm's joint servos: position actuators with joint damping. Constants that the model's text and the controller share.
/// </summary>
internal static class PandaServo
{
    /// <summary>Damping (N·m·s/rad) of each joint.</summary>
    public static ReadOnlySpan<double> Damping => [40, 40, 40, 40, 24, 24, 24];

    /// <summary>Stiffness (N·m/rad) of each joint's servo.</summary>
    public static ReadOnlySpan<double> Stiffness => [1500, 1500, 1500, 1500, 600, 600, 600];

    /// <summary>Greatest torque (N·m) of each joint's servo.</summary>
    public static ReadOnlySpan<double> Limit => [87, 87, 87, 87, 60, 60, 60];
}
