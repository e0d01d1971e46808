namespace Engine.Host.Realtime;

/// <summary>What the control tick's library answers.</summary>
public enum RealtimeStatus
{
    Ok = 0,

    /// <summary>An argument is wrong; nothing was done.</summary>
    Argument = -1,

    /// <summary>A system call failed.</summary>
    System = -2,

    /// <summary>The file is no ring of this version, or others may write it.</summary>
    Ring = -3,

    /// <summary>Another tick, or another writer, holds the ring.</summary>
    Busy = -4,

    /// <summary>Not there yet, overwritten, or in the middle of a write.</summary>
    Again = -5,

    /// <summary>The tick that made the ring has ended.</summary>
    Gone = -6,
}
