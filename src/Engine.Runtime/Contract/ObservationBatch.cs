namespace Engine.Runtime.Contract;

/// <summary>Observations of B environments, as a policy sees them.</summary>
public sealed class ObservationBatch
{
    /// <summary>Number of observations B.</summary>
    public required int Count { get; init; }

    /// <summary>Instructions, length B.</summary>
    public required string[] Instructions { get; init; }

    /// <summary>Images by camera name, u8 [B, H, W, 3], flattened. They may stand in a client's message: a policy reads them before it returns.</summary>
    public required Dictionary<string, ReadOnlyMemory<byte>> Images { get; init; }

    /// <summary>States float32 [B, S], flattened.</summary>
    public required float[] States { get; init; }

    /// <summary>Which environment each observation comes from, length B, for policies that keep something of an episode; null where nobody says.</summary>
    public int[]? Environments { get; init; }

    /// <summary>Whether each is the first of its episode, length B; null where nobody says.</summary>
    public bool[]? Begins { get; init; }
}
