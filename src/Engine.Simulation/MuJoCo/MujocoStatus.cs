namespace Engine.Simulation.MuJoCo;

/// <summary>Why a call into the simulator failed.</summary>
public enum MujocoStatus
{
    /// <summary>No failure.</summary>
    Ok = 0,

    /// <summary>An argument is out of range.</summary>
    Argument = -1,

    /// <summary>The model's text does not compile.</summary>
    Xml = -2,

    /// <summary>MuJoCo raised an error; the state must be reset before it is used again.</summary>
    MuJoCo = -3,

    /// <summary>Off-screen rendering is not to be had.</summary>
    Graphics = -4,

    /// <summary>Out of memory.</summary>
    Memory = -5,

    /// <summary>Called in the wrong state: after an error without a reset, or from another thread.</summary>
    State = -6,

    /// <summary>The simulation diverged; reset it.</summary>
    Unstable = -7,

    /// <summary>The native library is of another version.</summary>
    Version = -100,
}
