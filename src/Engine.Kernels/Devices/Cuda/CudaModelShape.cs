namespace Engine.Kernels.Devices.Cuda;

/// <summary>What the kernels of a world model are specialised to.</summary>
/// <param name="Name">Of the configuration, for messages.</param>
/// <param name="Dim">Width D of a token.</param>
/// <param name="Heads">Attention heads.</param>
/// <param name="LatentHeight">Latent rows.</param>
/// <param name="LatentWidth">Latent columns.</param>
/// <param name="Channels">Latent channels C.</param>
/// <param name="Patch">Side of a patch P.</param>
/// <param name="Window">Frames in sight, the new one included: slots of the key-value cache.</param>
/// <param name="Layers">Layers, each a spatial and a temporal block.</param>
/// <param name="ActionDim">Numbers in an action.</param>
/// <param name="PreviousFrameInput">Whether the previous frame's tokens stand behind a frame's own.</param>
/// <param name="PredictChange">Whether the network predicts the change to the previous frame.</param>
public sealed record CudaModelShape(
    string Name, int Dim, int Heads, int LatentHeight, int LatentWidth, int Channels, int Patch, int Window, int Layers, int ActionDim,
    bool PreviousFrameInput = false, bool PredictChange = false)
{
    /// <summary>Hidden width of a block's MLP over its width.</summary>
    public const int MlpRatio = 4;

    /// <summary>Width of a head.</summary>
    public int HeadWidth => Dim / Heads;

    /// <summary>Tokens in a frame.</summary>
    public int Tokens => LatentHeight / Patch * (LatentWidth / Patch);

    /// <summary>Numbers in a patch: P · P · C, outputs of the final layer.</summary>
    public int PatchNumbers => Patch * Patch * Channels;

    /// <summary>Inputs of the patch embedding: <see cref="PatchNumbers"/>, or twice as many with the previous frame's.</summary>
    public int InputWidth => PatchNumbers * (PreviousFrameInput ? 2 : 1);

    /// <summary>Numbers in one row of modulation: six vectors of D for each of the 2 · Layers blocks, then two of the final layer.</summary>
    public int ModulationWidth => (12 * Layers + 2) * Dim;

    /// <summary>Numbers in a frame of latents [H, W, C].</summary>
    public int FrameNumbers => LatentHeight * LatentWidth * Channels;

    /// <summary>The configurations that Engine ships: the benchmark's sizes, of which the small one is the quickstart's.</summary>
    public static IReadOnlyList<CudaModelShape> Shipped { get; } =
    [
        new("quickstart", 128, 4, 8, 8, 4, 2, 4, 3, 42, PreviousFrameInput: true, PredictChange: true),
        new("medium", 256, 4, 16, 16, 4, 2, 10, 6, 10),
        new("large", 384, 6, 16, 16, 4, 2, 10, 8, 10),
        new("original", 1024, 16, 32, 32, 16, 2, 20, 16, 10),
        new("original, window 10", 1024, 16, 32, 32, 16, 2, 10, 16, 10),
    ];
}
