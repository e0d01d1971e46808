namespace Engine.Training.Algorithms;

/// <summary>What one PPO iteration reports.</summary>
public sealed record PpoIteration
{
    public required int Iteration { get; init; }

    /// <summary>Share of the imagined episodes that ended in this iteration which ended in predicted success.</summary>
    public required double ImaginedSuccess { get; init; }

    /// <summary>Imagined episodes that ended in this iteration.</summary>
    public required int Episodes { get; init; }

    public required double MeanReward { get; init; }

    public required double PolicyLoss { get; init; }

    public required double ValueLoss { get; init; }

    public required double Entropy { get; init; }

    public required double ApproximateKl { get; init; }

    public required double ClipFraction { get; init; }

    public required double ExplainedVariance { get; init; }

    /// <summary>KL to the starting policy.</summary>
    public required double KlToStart { get; init; }

    /// <summary>Greatest |ratio − 1| over the first minibatch of the first epoch: 0 up to rounding when log-probabilities are right.</summary>
    public required double FirstRatioError { get; init; }

    /// <summary>Success in the real simulator when it was checked; otherwise null.</summary>
    public double? RealSuccess { get; set; }
}
