using Engine.Kernels.Ops.Rotary;

namespace Engine.Runtime.WorldModel;

/// <summary>What a pass needs to know of the frames besides the weights: the token grid and the rotary angles.</summary>
internal sealed class FrameGeometry(WorldModelConfig config, int positions)
{
    public int Tokens { get; } = config.Tokens;

    public RotaryTable Spatial { get; } =
        RotaryTable.Create(config.SpatialRotary, config.Dim / config.NumHeads, config.LatentHeight / config.PatchSize, config.LatentWidth / config.PatchSize);

    public RotaryTable Temporal { get; } = RotaryTable.Create(RotaryFrequencies.Standard, config.Dim / config.NumHeads, positions);
}
