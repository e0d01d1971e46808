using Engine.Training.Torch;

namespace Engine.Training.Algorithms;

/// <summary>The sigmoid noise schedule (Jabri et al., arXiv 2212.11972; start −3, end 3, tau 1, 1000 steps) as a tensor.</summary>
public static class DiffusionCoefficients
{
    /// <summary>The timestep with which context frames enter the network.</summary>
    public const int ContextTimestep = 14;

    /// <summary>ā of timesteps 0 … 999, float32 [1000].</summary>
    public static Tensor AlphaBar { get; } = TensorScope.Free(Tensor.FromSpan(Compute(), 1000));

    private static float[] Compute()
    {
        var result = new float[1000];
        double low = (float)(1 / (1 + Math.Exp(3))), high = (float)(1 / (1 + Math.Exp(-3)));
        double Alpha(double t) => (high - 1 / (1 + Math.Exp(-(6 * t - 3)))) / (high - low);
        float product = 1;
        for (int i = 0; i < 1000; i++)
        {
            float beta = (float)Math.Clamp(1 - Alpha((i + 1) / 1000.0) / Alpha(i / 1000.0), 0, 0.999);
            result[i] = product *= 1 - beta;
        }

        return result;
    }
}
