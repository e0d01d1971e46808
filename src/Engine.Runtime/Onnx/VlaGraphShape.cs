namespace Engine.Runtime.Onnx;

/// <summary>What the weights of a vision-language-action policy do not show by their shapes.</summary>
public sealed record VlaGraphShape
{
    /// <summary>Attention heads of the decoder; divides its width.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>Groups of the image trunk's group normalisation.</summary>
    public int NormalisationGroups { get; init; } = 8;
}
