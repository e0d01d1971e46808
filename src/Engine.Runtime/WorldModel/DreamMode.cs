namespace Engine.Runtime.WorldModel;

/// <summary>What happens to cached keys and values once the window slides.</summary>
public enum DreamMode
{
    /// <summary>The cache is rebuilt from the window's frames: equal to running the whole window through the network at every step, to float rounding.</summary>
    Exact,

    /// <summary>The oldest frame's entries are dropped and the others kept, although they were computed while it was in sight: faster, another approximation.</summary>
    Streaming,
}
