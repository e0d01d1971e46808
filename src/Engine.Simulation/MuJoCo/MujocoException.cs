namespace Engine.Simulation.MuJoCo;

/// <summary>A call into the simulator failed.</summary>
public sealed class MujocoException(MujocoStatus status, string message) : Exception(message)
{
    /// <summary>The kind of failure.</summary>
    public MujocoStatus Status { get; } = status;
}
