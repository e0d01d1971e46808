namespace Engine.Host.Realtime;

/// <summary>How a number of an action is meant.</summary>
public enum ActionKind
{
    /// <summary>Displacement over one action period.</summary>
    Delta = 0,

    /// <summary>Position at the end of the action period.</summary>
    Absolute = 1,

    /// <summary>A command such as the gripper's: no velocity, kept when everything stops.</summary>
    Switch = 2,
}
