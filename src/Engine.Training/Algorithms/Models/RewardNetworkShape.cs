namespace Engine.Training.Algorithms.Models;

/// <summary>Sizes of a <see cref="RewardNetwork"/>.</summary>
/// <param name="LanguageDim">Numbers of a pooled language feature; 0 leaves language out.</param>
/// <param name="VisionDim">Numbers of a pooled vision feature.</param>
/// <param name="ActionDim">Numbers of an action.</param>
/// <param name="HiddenDim">Width of the hidden layers, even; features are pooled to half of it.</param>
/// <param name="Layers">Linear layers of the last MLP, at least 2.</param>
public sealed record RewardNetworkShape(long LanguageDim, long VisionDim, long ActionDim, long HiddenDim = 256, int Layers = 3);
