namespace Engine.Runtime.Contract;

/// <summary>
/// What a policy expects and gives; travels with it as <c>contract.json</c>. Everything that meets a policy checks itself against it.
/// </summary>
public sealed record PolicyContract
{
    public const int CurrentVersion = 1;

    public int Version { get; init; } = CurrentVersion;

    /// <summary>A name for people.</summary>
    public required string Name { get; init; }

    public required CameraSpec[] Cameras { get; init; }

    public required string[] StateNames { get; init; }

    public required string[] ActionNames { get; init; }

    public required NormalisationStatistics ActionStatistics { get; init; }

    public required NormalisationStatistics StateStatistics { get; init; }

    public required EmbodimentSpec Embodiment { get; init; }

    /// <summary>Actions per inference (chunk length).</summary>
    public int ActionHorizon { get; init; } = 1;

    /// <summary>Actions executed before the policy is asked again; 1 … <see cref="ActionHorizon"/>.</summary>
    public int ReplanEvery { get; init; } = 1;

    /// <summary>Bins per action number on [−1, 1].</summary>
    public int ActionBins { get; init; } = 256;

    /// <summary>Known words; a word's token is its index + 1, 0 is padding, <c>Vocabulary.Length + 1</c> is any other word.</summary>
    public required string[] Vocabulary { get; init; }

    /// <summary>Instruction length in words; longer ones are cut.</summary>
    public int MaxWords { get; init; } = 16;
}
