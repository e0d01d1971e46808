namespace Engine.Training.Algorithms;

/// <summary>How <see cref="RandomisedReturnDecomposition"/> compares the rewards of an episode with its return.</summary>
public enum ReturnDecompositionForm
{
    /// <summary>The mean reward of the drawn steps against return/length: the form of the paper's published code, well scaled for any length.</summary>
    MeanReward,

    /// <summary>The sum of the drawn rewards times length/draws against the return: ImagineAct's form, whose gradient grows with the length squared.</summary>
    EpisodeReturn,
}
