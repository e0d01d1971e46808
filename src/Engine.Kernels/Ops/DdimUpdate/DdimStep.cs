namespace Engine.Kernels.Ops.DdimUpdate;

/// <summary>
/// One deterministic DDIM step (arXiv 2010.02502, η = 0) under v-prediction (arXiv 2202.00512) as a linear map: x′ = X·x + V·v + Previous·p.
/// </summary>
/// <param name="X">Factor of the noisy latents.</param>
/// <param name="V">Factor of the network's output.</param>
/// <param name="Previous">Factor of the previous frame's latents; 0 unless the network predicts the change to them.</param>
public readonly record struct DdimStep(float X, float V, float Previous)
{
    /// <summary>
    /// From signal power ā to ā′: x₀ = √ā·x − √(1−ā)·v, ε = √(1−ā)·x + √ā·v, x′ = √ā′·x₀ + √(1−ā′)·ε. When the network predicts the change,
    /// v = v′ − √(1−ā)·p is put in.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A power is not within [0, 1].</exception>
    public static DdimStep Between(double alphaBar, double nextAlphaBar, bool predictChange = false)
    {
        if (alphaBar is not (>= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(alphaBar), alphaBar, "A signal power lies within [0, 1].");
        if (nextAlphaBar is not (>= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(nextAlphaBar), nextAlphaBar, "A signal power lies within [0, 1].");
        double signal = Math.Sqrt(alphaBar), noise = Math.Sqrt(1 - alphaBar), nextSignal = Math.Sqrt(nextAlphaBar), nextNoise = Math.Sqrt(1 - nextAlphaBar);
        double v = nextNoise * signal - nextSignal * noise;
        return new DdimStep((float)(nextSignal * signal + nextNoise * noise), (float)v, predictChange ? (float)(-v * noise) : 0f);
    }
}
