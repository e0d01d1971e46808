using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>
/// The terms of proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347) for a policy over discrete action tokens.
/// Every loss is one number to be minimised, with its graph of derivatives.
/// </summary>
public static class PpoObjective
{
    /// <summary>log π(a|s) = Σ_A log softmax(logits)[token]: [N].</summary>
    /// <param name="logits">[N, A, V].</param>
    /// <param name="tokens">[N, A], Int64 in [0, V).</param>
    public static Tensor LogProbability(Tensor logits, Tensor tokens) =>
        logits.LogSoftmax(-1).Gather(-1, tokens.Unsqueeze(-1)).Squeeze(-1).Sum(-1);

    /// <summary>Entropy of each sample in nats, summed over the action's tokens: −Σ_A Σ_V p log p, [N].</summary>
    /// <param name="logits">[N, A, V]; a logit may be −∞, its token then counts nothing.</param>
    public static Tensor Entropy(Tensor logits)
    {
        // p·log p is 0 where p is 0, but 0·(−∞) is not a number; the smallest finite logarithm gives 0 in its place.
        Tensor logProbability = logits.LogSoftmax(-1).Clamp(float.MinValue, null);
        return -(logProbability.Exp() * logProbability).Sum([-2, -1]);
    }

    /// <summary>(A − mean)/(std + 1e-8), std with n−1; unchanged, but for the mean, where there is one sample.</summary>
    /// <param name="advantages">Any shape.</param>
    public static Tensor NormaliseAdvantages(Tensor advantages)
    {
        Tensor centred = advantages - advantages.Mean();
        return advantages.NumElements < 2 ? centred : centred / (advantages.Std() + 1e-8);
    }

    /// <summary>mean(−min(r·A, clip(r, 1−c, 1+c)·A)) with r = exp(new − old) (equation 7).</summary>
    /// <param name="newLogProbability">[N], of the policy in training.</param>
    /// <param name="oldLogProbability">[N], of the policy that acted; without gradient.</param>
    /// <param name="advantages">[N], without gradient.</param>
    /// <param name="clip">Clip range c, above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">clip is not positive.</exception>
    public static Tensor PolicyLoss(Tensor newLogProbability, Tensor oldLogProbability, Tensor advantages, double clip)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(clip);
        Tensor ratio = (newLogProbability - oldLogProbability).Exp();
        return -Tensor.Minimum(ratio * advantages, ratio.Clamp(1 - clip, 1 + clip) * advantages).Mean();
    }

    /// <summary>mean((V − R)²), without a factor.</summary>
    /// <param name="values">[N], of the critic in training.</param>
    /// <param name="returns">[N].</param>
    public static Tensor ValueLoss(Tensor values, Tensor returns) => Functional.MseLoss(values, returns);

    /// <summary>½·mean(max((V − R)², (V_old + clip(V − V_old, ±c) − R)²)), the clipped form of OpenAI's implementation.</summary>
    /// <param name="values">[N], of the critic in training.</param>
    /// <param name="oldValues">[N], of the critic when the data was collected.</param>
    /// <param name="returns">[N].</param>
    /// <param name="clip">Clip range c, above 0, in units of the return.</param>
    /// <exception cref="ArgumentOutOfRangeException">clip is not positive.</exception>
    public static Tensor ClippedValueLoss(Tensor values, Tensor oldValues, Tensor returns, double clip)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(clip);
        Tensor clipped = oldValues + (values - oldValues).Clamp(-clip, clip);
        return 0.5 * Tensor.Maximum((values - returns).Square(), (clipped - returns).Square()).Mean();
    }

    /// <summary>How far the policy has moved; no gradient is recorded.</summary>
    /// <param name="newLogProbability">[N], of the policy in training.</param>
    /// <param name="oldLogProbability">[N], of the policy that acted.</param>
    /// <param name="clip">Clip range c.</param>
    public static PpoDiagnostics Diagnose(Tensor newLogProbability, Tensor oldLogProbability, double clip)
    {
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        Tensor logRatio = newLogProbability - oldLogProbability;
        Tensor ratio = logRatio.Exp();
        return new PpoDiagnostics(
            (-logRatio).Mean().Item(),
            (ratio - 1 - logRatio).Mean().Item(),
            (ratio - 1).Abs().Gt(clip).To(ScalarType.Float32).Mean().Item());
    }
}
