using Engine.Kernels.Ops.Philox;
using Engine.Training.Interop;
using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>
/// Learns a reward for each step from the return of whole episodes (Ren et al. 2022, "Learning Long-Term Reward Redistribution via Randomized
/// Return Decomposition", arXiv 2111.13485). Of an episode of length L with return R, K steps are drawn without replacement; their rewards r̂
/// stand for all of them:
/// <code>
/// MeanReward:     fit = mean_b (R/L − mean_k r̂)²             (section 3.3 with both sides divided by L; the authors' code)
/// EpisodeReturn:  fit = mean_b (R − L·mean_k r̂)²             (ImagineAct)
/// variance          = mean_b (1 − K/L)/K · Σ_k (r̂ − mean_k r̂)²/(K−1)
/// total             = fit − variance                          (with bias correction, appendix A of the paper)
/// </code>
/// E[fit] over the draws is the loss over all steps plus the variance of the mean of the draws, which the third line estimates without bias for
/// MeanReward; ImagineAct subtracts the same term without the factor L² that its form would need, and so does this.
/// </summary>
public static class RandomisedReturnDecomposition
{
    /// <summary>
    /// Draws min(<paramref name="destination"/>.Length, length) different steps of 0 … length−1, each set equally likely, into the front of
    /// <paramref name="destination"/>, and returns how many; the rest is set to 0 and does not count in <see cref="Loss"/>.
    /// </summary>
    /// <param name="key">Stream <see cref="PhiloxStream.RewardDraw"/>; a new episode or update takes a new key.</param>
    /// <param name="length">Number of steps of the episode, at least 1.</param>
    /// <param name="destination">Room for K indices.</param>
    /// <exception cref="ArgumentOutOfRangeException">length is below 1.</exception>
    public static int Draw(PhiloxKey key, int length, Span<long> destination)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        var random = new PhiloxRandom(key);
        int count = Math.Min(length, destination.Length);
        // Floyd's method: no array of the episode's length.
        for (int i = 0; i < count; i++)
        {
            int last = length - count + i;
            int candidate = random.NextInt(last + 1);
            destination[i] = destination[..i].Contains(candidate) ? last : candidate;
        }

        destination[count..].Clear();
        return count;
    }

    /// <summary>The loss of a batch of episodes.</summary>
    /// <param name="predicted">[B, K]: rewards of the drawn steps. Of an episode shorter than K only the first L of the row count.</param>
    /// <param name="lengths">[B]: steps of each whole episode, at least 1.</param>
    /// <param name="returns">[B]: return of each whole episode.</param>
    /// <param name="form">What is compared.</param>
    /// <param name="biasCorrection">Whether the variance is subtracted; needs K ≥ 2, except where every episode has one step.</param>
    /// <exception cref="ArgumentException">Shapes do not fit, a length is below 1, or bias correction is asked for with K = 1.</exception>
    public static ReturnDecompositionLoss Loss(
        Tensor predicted,
        ReadOnlySpan<int> lengths,
        ReadOnlySpan<float> returns,
        ReturnDecompositionForm form = ReturnDecompositionForm.MeanReward,
        bool biasCorrection = true)
    {
        if (predicted.Dim != 2) throw new ArgumentException($"expected rewards [B, K], got {TensorDescription.Of(predicted)}", nameof(predicted));
        long episodes = predicted.Size(0), draws = predicted.Size(1);
        if (lengths.Length != episodes || returns.Length != episodes)
            throw new ArgumentException($"{episodes} rows of rewards, but {lengths.Length} lengths and {returns.Length} returns", nameof(lengths));
        if (episodes == 0 || draws == 0) throw new ArgumentException("the batch is empty", nameof(predicted));

        var counted = new float[episodes * draws];
        var meanFactor = new float[episodes];       // 1/k
        var scale = new float[episodes];            // what the mean reward is multiplied by
        var target = new float[episodes];
        var varianceFactor = new float[episodes];   // (1 − k/L)/k/(k−1)
        for (int b = 0; b < episodes; b++)
        {
            int length = lengths[b];
            if (length < 1) throw new ArgumentException($"episode {b} has {length} steps, expected at least 1", nameof(lengths));
            long k = Math.Min(draws, length);
            if (biasCorrection && k == 1 && length > 1)
                throw new ArgumentException("bias correction needs at least 2 drawn steps an episode; draw more or turn it off", nameof(predicted));
            counted.AsSpan((int)(b * draws), (int)k).Fill(1);
            meanFactor[b] = 1f / k;
            bool mean = form == ReturnDecompositionForm.MeanReward;
            scale[b] = mean ? 1 : length;
            target[b] = mean ? returns[b] / length : returns[b];
            varianceFactor[b] = k < length ? (float)((1 - (double)k / length) / k / (k - 1)) : 0;
        }

        using var device = new DeviceScope(predicted.Device);
        Tensor mask = Tensor.FromSpan(counted, episodes, draws);
        Tensor average = (predicted * mask).Sum(1) * Tensor.FromSpan(meanFactor, episodes);
        Tensor fit = (average * Tensor.FromSpan(scale, episodes) - Tensor.FromSpan(target, episodes)).Square().Mean();
        if (!biasCorrection) return new(fit, fit, Tensor.Zeros());
        Tensor deviation = (predicted - average.Unsqueeze(1)) * mask;
        Tensor variance = (deviation.Square().Sum(1) * Tensor.FromSpan(varianceFactor, episodes)).Mean();
        return new(fit - variance, fit, variance);
    }
}
