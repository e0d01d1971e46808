using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>The terms of a <see cref="RandomisedReturnDecomposition"/> loss; each is one number with its graph of derivatives.</summary>
/// <param name="Total">What to minimise: Fit, less Variance where bias correction is on.</param>
/// <param name="Fit">Mean squared difference of target and prediction.</param>
/// <param name="Variance">Estimated variance of the prediction that comes from drawing only some of the steps; zero without bias correction.</param>
public readonly record struct ReturnDecompositionLoss(Tensor Total, Tensor Fit, Tensor Variance);
