namespace Engine.Host.Realtime;

/// <summary>Where an action of the control tick comes from.</summary>
public enum TickState
{
    /// <summary>Nobody has said yet where the arm is; the numbers mean nothing.</summary>
    Waiting = 0,

    /// <summary>The newest chunk.</summary>
    Running = 1,

    /// <summary>The last action again: the chunk has run out, or its source is silent.</summary>
    Hold = 2,

    /// <summary>The velocity goes down to zero.</summary>
    Ramp = 3,

    /// <summary>The safe stop.</summary>
    Stopped = 4,
}
