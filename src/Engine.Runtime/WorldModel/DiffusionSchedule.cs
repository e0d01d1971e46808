namespace Engine.Runtime.WorldModel;

/// <summary>
/// The noise schedule: sigmoid, start −3, end 3, tau 1 (arXiv 2212.11972), computed in double and stored in float32; and the time ladders of sampling.
/// </summary>
public sealed class DiffusionSchedule
{
    /// <summary>Time steps 0 … 999 that the networks are trained on.</summary>
    public const int TrainingSteps = 1000;

    private readonly float[] _betas, _alphasCumprod;

    /// <summary>The schedule of <paramref name="steps"/> time steps.</summary>
    public DiffusionSchedule(int steps = TrainingSteps)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        Steps = steps;
        _betas = new float[steps];
        _alphasCumprod = new float[steps];
        // The two constants are rounded to float32 in the original.
        double start = (float)Sigmoid(-3), end = (float)Sigmoid(3);
        double Signal(int i) => (end - Sigmoid(6.0 * i / steps - 3)) / (end - start);
        float product = 1;
        double first = Signal(0);
        for (int i = 0; i < steps; i++)
        {
            _betas[i] = (float)Math.Clamp(1 - Signal(i + 1) / first / (Signal(i) / first), 0, 0.999);
            _alphasCumprod[i] = product *= 1 - _betas[i];
        }
    }

    /// <summary>The schedule of 1000 steps.</summary>
    public static DiffusionSchedule Default { get; } = new();

    /// <summary>Number of time steps.</summary>
    public int Steps { get; }

    /// <summary>β_t, float32 [Steps].</summary>
    public ReadOnlySpan<float> Betas => _betas;

    /// <summary>ā_t = Π (1 − β), float32 [Steps].</summary>
    public ReadOnlySpan<float> AlphasCumprod => _alphasCumprod;

    /// <summary>Signal power at time <paramref name="t"/>; 1 for t &lt; 0 (clean).</summary>
    public double AlphaBar(int t) => t < 0 ? 1 : _alphasCumprod[t];

    /// <summary>The integer time ladder of <paramref name="samplingSteps"/> steps: [samplingSteps + 1], from −1 (clean) to Steps − 1 (noise).</summary>
    public int[] Ladder(int samplingSteps)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(samplingSteps);
        var ladder = new int[samplingSteps + 1];
        double step = (double)Steps / samplingSteps;
        for (int i = 0; i <= samplingSteps; i++)
        {
            ladder[i] = (int)Math.Truncate(i < (samplingSteps + 1) / 2 ? -1 + step * i : Steps - 1 - step * (samplingSteps - i));
        }

        return ladder;
    }

    /// <summary>The pyramid's ladder index of frame <paramref name="frame"/> of a horizon at sweep <paramref name="sweep"/>: clip(S + frame − sweep, 0, S).</summary>
    public static int PyramidIndex(int samplingSteps, int sweep, int frame) => Math.Clamp(samplingSteps + frame - sweep, 0, samplingSteps);

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
