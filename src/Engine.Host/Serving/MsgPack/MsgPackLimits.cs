namespace Engine.Host.Serving.MsgPack;

/// <summary>What a reader accepts at most. A length that a message claims is believed only as far as the message has bytes for it.</summary>
public sealed record MsgPackLimits
{
    public static MsgPackLimits Default { get; } = new();

    /// <summary>Containers within containers.</summary>
    public int Depth { get; init; } = 32;

    /// <summary>Values in one message, keys included.</summary>
    public int Values { get; init; } = 1 << 18;

    /// <summary>Entries of one map.</summary>
    public int MapEntries { get; init; } = 4096;

    /// <summary>Dimensions of an array.</summary>
    public int Dimensions { get; init; } = 8;

    /// <summary>Whether a map with <i>string</i> keys <c>__ndarray__</c>, <c>data</c>, … is an array as well (clients outside Python); openpi's own reader says no.</summary>
    public bool StringKeyArrays { get; init; }
}
