namespace Engine.Training.Models;

/// <summary>Sizes and options of a <see cref="DiffusionTransformer"/>.</summary>
public sealed record DiffusionTransformerArchitecture
{
    /// <summary>Latent channels C.</summary>
    public int InChannels { get; init; } = 4;

    /// <summary>Patch side P; latents' height and width are multiples of it.</summary>
    public int PatchSize { get; init; } = 2;

    /// <summary>Width D.</summary>
    public int Dim { get; init; } = 128;

    /// <summary>Layers; each is a spatial and a temporal block.</summary>
    public int NumLayers { get; init; } = 4;

    public int NumHeads { get; init; } = 4;

    /// <summary>Width A of the action vector.</summary>
    public int ActionDim { get; init; } = 7;

    /// <summary>Frames that a frame sees, itself included.</summary>
    public int MaxFrames { get; init; } = 4;

    /// <summary>Concatenate the previous frame's latents to the input.</summary>
    public bool PreviousFrameInput { get; init; }

    /// <summary>Velocity v = v' − √(1 − ā)·previous, so that the network predicts the change.</summary>
    public bool PredictChange { get; init; }

    public SpatialRotaryKind SpatialRotary { get; init; } = SpatialRotaryKind.Standard;
}
