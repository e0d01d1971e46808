namespace Engine.Training.Models;

/// <summary>Sizes of a <see cref="VlaPolicy"/>; stored beside its weights.</summary>
public sealed record VlaArchitecture
{
    /// <summary>Side of the square input image (pixels).</summary>
    public int ImageSize { get; init; } = 64;

    /// <summary>Token ids: vocabulary + padding + unknown.</summary>
    public required int Tokens { get; init; }

    /// <summary>Words W of an instruction.</summary>
    public required int MaxWords { get; init; }

    public int TextWidth { get; init; } = 64;

    public int Keypoints { get; init; } = 32;

    public int Channels { get; init; } = 64;

    /// <summary>State numbers S.</summary>
    public int StateWidth { get; init; } = 8;

    /// <summary>Action numbers A.</summary>
    public int ActionWidth { get; init; } = 7;

    /// <summary>Actions a chunk H.</summary>
    public int Horizon { get; init; } = 1;

    public int Bins { get; init; } = 256;

    /// <summary>Hidden width of the fusion layers.</summary>
    public int Hidden { get; init; } = 256;

    /// <summary>Width D of the causal decoder.</summary>
    public int Dim { get; init; } = 128;

    public int Layers { get; init; } = 2;

    public int Heads { get; init; } = 4;

    /// <summary>Prefix tokens that the decoder sees before the action tokens.</summary>
    public int PrefixTokens { get; init; } = 4;

    /// <summary>Frequencies of the embedding of a bin's value: sin and cos of π·2^k·v, k = 0 … this − 1.</summary>
    public int ValueFrequencies { get; init; } = 4;
}
