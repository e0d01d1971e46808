namespace Engine.Training.Torch;

/// <summary>Learning rates over the course of a run.</summary>
public static class LearningRateSchedule
{
    /// <summary>
    /// Rises in a straight line from peak/warmup at step 0 to peak at step warmup−1, then falls along half a cosine to floorFraction·peak at step
    /// total, where it stays.
    /// </summary>
    /// <param name="step">Index of the step, from 0.</param>
    /// <param name="total">Number of steps of the run, above 0.</param>
    /// <param name="peak">The largest rate.</param>
    /// <param name="warmup">Number of steps of the rise; 0 for none.</param>
    /// <param name="floorFraction">The last rate as a part of the peak, in [0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public static double WarmupCosine(long step, long total, double peak, long warmup, double floorFraction = 0.05)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(total);
        ArgumentOutOfRangeException.ThrowIfNegative(warmup);
        if (floorFraction is not (>= 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(floorFraction), floorFraction, "expected a number in [0, 1]");
        if (step < warmup) return peak * (step + 1) / warmup;
        if (step >= total) return peak * floorFraction;
        double progress = (double)(step - warmup) / Math.Max(1, total - warmup);
        return peak * (floorFraction + (1 - floorFraction) * 0.5 * (1 + Math.Cos(Math.PI * progress)));
    }
}
