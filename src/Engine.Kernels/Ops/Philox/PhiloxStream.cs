namespace Engine.Kernels.Ops.Philox;

/// <summary>The stream constants in use; a new use takes a new number, a number is never used twice.</summary>
public static class PhiloxStream
{
    public const uint WeightInitialisation = 1;
    public const uint MinibatchOrder = 2;
    public const uint DiffusionNoise = 3;
    public const uint DiffusionTime = 4;
    public const uint Augmentation = 5;
    public const uint ActionSampling = 6;
    public const uint DreamStart = 7;
    public const uint DreamNoise = 8;
    public const uint SceneLayout = 9;
    public const uint SceneInstruction = 10;
    public const uint ExpertNoise = 11;
    public const uint PlayBehaviour = 12;
    public const uint RewardDraw = 13;
    public const uint Bootstrap = 14;
    public const uint Latent = 15;
}
