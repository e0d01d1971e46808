namespace Engine.Runtime.Contract;

/// <summary>What every episode of a data directory has in common; stored as <c>dataset.json</c> in it.</summary>
public sealed record DatasetInfo
{
    public const int CurrentVersion = 1;

    public int Version { get; init; } = CurrentVersion;

    /// <summary>Where the data comes from, e.g. <c>tabletop</c>, <c>dream</c>, <c>bridge</c>.</summary>
    public required string Source { get; init; }

    public required CameraSpec[] Cameras { get; init; }

    /// <summary>Names of the state's numbers with units, e.g. <c>x (m)</c>.</summary>
    public required string[] StateNames { get; init; }

    /// <summary>Names of the action's numbers with units.</summary>
    public required string[] ActionNames { get; init; }

    public required EmbodimentSpec Embodiment { get; init; }
}
