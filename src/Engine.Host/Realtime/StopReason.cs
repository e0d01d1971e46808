namespace Engine.Host.Realtime;

/// <summary>Why the control tick last left <see cref="TickState.Running"/>.</summary>
public enum StopReason
{
    None = 0,

    /// <summary>No newer chunk came in time.</summary>
    ChunkRanOut = 1,

    /// <summary>The heartbeat was older than its limit.</summary>
    Heartbeat = 2,

    /// <summary>The writing process died or went.</summary>
    WriterGone = 3,

    /// <summary>Somebody asked for it.</summary>
    Asked = 4,

    /// <summary>The tick itself ends.</summary>
    Ending = 5,
}
