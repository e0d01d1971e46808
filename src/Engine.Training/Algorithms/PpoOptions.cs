namespace Engine.Training.Algorithms;

/// <summary>Settings of <see cref="DreamPpo"/>.</summary>
public sealed class PpoOptions
{
    /// <summary>Policy updates, after <see cref="CriticWarmup"/>.</summary>
    public int Iterations { get; set; } = 40;

    /// <summary>Iterations that train the critic only.</summary>
    public int CriticWarmup { get; set; } = 4;

    /// <summary>Dreams at once N.</summary>
    public int Environments { get; set; } = 96;

    /// <summary>Steps of each dream an iteration.</summary>
    public int RolloutSteps { get; set; } = 12;

    public double Gamma { get; set; } = 0.98;

    public double Lambda { get; set; } = 0.95;

    public double ClipRange { get; set; } = 0.2;

    public int Epochs { get; set; } = 2;

    public int Minibatch { get; set; } = 192;

    public double PolicyLearningRate { get; set; } = 1.5e-4;

    public double CriticLearningRate { get; set; } = 1e-3;

    /// <summary>Weight of KL(policy ‖ starting policy), so that the policy does not learn the dream's faults.</summary>
    public double KlWeight { get; set; } = 0.03;

    public double EntropyWeight { get; set; }

    /// <summary>Approximate KL to the rollout policy above which an iteration's policy updates stop.</summary>
    public double TargetKl { get; set; } = 0.04;

    public double PolicyGradientNorm { get; set; } = 0.5;

    public double CriticGradientNorm { get; set; } = 1.0;

    /// <summary>Reward at predicted success, times its probability.</summary>
    public double SuccessReward { get; set; } = 1;

    /// <summary>Weight of the potential shaping γΦ(s′) − Φ(s), Φ the classifier's probability (Ng et al., ICML 1999).</summary>
    public double ShapingWeight { get; set; } = 1;

    /// <summary>Weight of the learnt dense reward (RRD).</summary>
    public double RewardWeight { get; set; } = 0.2;

    /// <summary>At the step limit, bootstrap with the critic's value of the last observation (true) or treat it as the end (false).</summary>
    public bool BootstrapAtLimit { get; set; }

    /// <summary>Updates between checks in the real simulator; 0 for none.</summary>
    public int CheckEvery { get; set; } = 8;

    public double Temperature { get; set; } = 1;
}
