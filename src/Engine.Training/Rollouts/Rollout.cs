using System.Runtime.InteropServices;
using Engine.Kernels.Ops.Gae;
using Engine.Runtime.Contract;
using Engine.Training.Datasets;
using Engine.Training.Models;
using Engine.Training.Torch;

namespace Engine.Training.Rollouts;

/// <summary>
/// T steps of N environments, time-major: what was seen, done, rewarded. Observations have one row more (the last one is only valued).
/// Sample number = t·N + n.
/// </summary>
public sealed class Rollout(int steps, int environments, int imageBytes, int words, int tokens, int evidence)
{
    private const int StateWidth = 8;
    private readonly byte[] _images = new byte[(steps + 1) * environments * imageBytes];
    private readonly long[] _words = new long[(steps + 1) * environments * words];
    private readonly float[] _states = new float[(steps + 1) * environments * StateWidth];
    private readonly float[] _critic = new float[(steps + 1) * environments * (evidence + 1)];
    private int _successes;

    /// <summary>Classes [T·N, tokens].</summary>
    public long[] Classes { get; } = new long[steps * environments * tokens];

    public float[] LogProbabilities { get; } = new float[steps * environments];

    public float[] Values { get; } = new float[steps * environments];

    /// <summary>V of the true next observation; where an episode was cut, of its last one.</summary>
    public float[] NextValues { get; } = new float[steps * environments];

    public float[] Rewards { get; } = new float[steps * environments];

    public bool[] Terminated { get; } = new bool[steps * environments];

    public bool[] Truncated { get; } = new bool[steps * environments];

    /// <summary>Episodes that ended.</summary>
    public int EpisodeCount { get; private set; }

    public double SuccessRate => EpisodeCount > 0 ? _successes / (double)EpisodeCount : 0;

    /// <summary>Counts an ended episode.</summary>
    public void Ended(bool success)
    {
        EpisodeCount++;
        if (success) _successes++;
    }

    /// <summary>
    /// Stores the observations of all environments at time t: images u8, words, states [N, 8] (normalised here), the classifier's evidence
    /// [N, E] and the share of the time that is used.
    /// </summary>
    public void Record(int t, DreamEnvironment dream, int stepLimit, PolicyEncoding encoding)
    {
        dream.Images.CopyTo(_images, t * environments * imageBytes);
        dream.Tokens.CopyTo(_words, t * environments * words);
        for (int n = 0; n < environments; n++)
        {
            int at = t * environments + n;
            var state = _states.AsSpan(at * StateWidth, StateWidth);
            dream.States.AsSpan(n * StateWidth, StateWidth).CopyTo(state);
            encoding.NormaliseState(state);
            var critic = _critic.AsSpan(at * (evidence + 1), evidence + 1);
            dream.Evidence.AsSpan(n * evidence, evidence).CopyTo(critic);
            critic[evidence] = dream.Time(n) / (float)stepLimit;
        }
    }

    /// <summary>Images [B, 3, H, W], words [B, W] and states [B, 8] of samples, for the policy.</summary>
    public (Tensor Images, Tensor Tokens, Tensor States) Observations(int[] samples, CameraSpec camera)
    {
        var batch = new byte[samples.Length * imageBytes];
        var tokenIds = new long[samples.Length * words];
        for (int i = 0; i < samples.Length; i++)
        {
            _images.AsSpan(samples[i] * imageBytes, imageBytes).CopyTo(batch.AsSpan(i * imageBytes));
            _words.AsSpan(samples[i] * words, words).CopyTo(tokenIds.AsSpan(i * words));
        }

        return (ImageBatch.FromBytes(batch, camera.Height, camera.Width), Tensor.FromSpan(tokenIds, samples.Length, words), Rows(_states, StateWidth, samples));
    }

    /// <summary>Evidence and time [B, E + 1] of samples, for the critic.</summary>
    public Tensor CriticStates(int[] samples) => Rows(_critic, evidence + 1, samples);

    /// <summary>Classes [B, tokens] of samples.</summary>
    public Tensor PickClasses(int[] samples)
    {
        var picked = new long[samples.Length * tokens];
        for (int i = 0; i < samples.Length; i++) Classes.AsSpan(samples[i] * tokens, tokens).CopyTo(picked.AsSpan(i * tokens));
        return Tensor.FromSpan(picked, samples.Length, tokens);
    }

    /// <summary>[B] of samples.</summary>
    public static Tensor Pick(float[] values, int[] samples)
    {
        var picked = new float[samples.Length];
        for (int i = 0; i < picked.Length; i++) picked[i] = values[samples[i]];
        return Tensor.FromSpan(picked, picked.Length);
    }

    private static Tensor Rows(float[] values, int width, int[] samples)
    {
        var rows = new float[samples.Length * width];
        for (int i = 0; i < samples.Length; i++) values.AsSpan(samples[i] * width, width).CopyTo(rows.AsSpan(i * width));
        return Tensor.FromSpan(rows, samples.Length, width);
    }

    /// <summary>Fills <see cref="NextValues"/> from the values one step later; entries of episodes that were cut stay as they were set.</summary>
    public void FinishNextValues(float[] last)
    {
        for (int t = 0; t < steps; t++)
        {
            for (int n = 0; n < environments; n++)
            {
                int at = t * environments + n;
                if (!Truncated[at]) NextValues[at] = t + 1 < steps ? Values[at + environments] : last[n];
            }
        }
    }

    /// <summary>GAE advantages and returns [T·N].</summary>
    public (float[] Advantages, float[] Returns) Advantages(double gamma, double lambda)
    {
        var advantages = new float[Values.Length];
        var returns = new float[Values.Length];
        Gae.Compute(Rewards, Values, NextValues, MemoryMarshal.AsBytes<bool>(Terminated), MemoryMarshal.AsBytes<bool>(Truncated), steps, environments, (float)gamma, (float)lambda, advantages, returns);
        return (advantages, returns);
    }

    /// <summary>Mean 0, deviation 1 (unbiased), in place.</summary>
    public static void Normalise(Span<float> values)
    {
        double mean = 0, square = 0;
        foreach (float v in values) mean += v;
        mean /= values.Length;
        foreach (float v in values) square += (v - mean) * (v - mean);
        double scale = 1 / (Math.Sqrt(square / Math.Max(1, values.Length - 1)) + 1e-8);
        for (int i = 0; i < values.Length; i++) values[i] = (float)((values[i] - mean) * scale);
    }

    /// <summary>1 − Var(returns − values)/Var(returns).</summary>
    public static double ExplainedVariance(ReadOnlySpan<float> values, ReadOnlySpan<float> returns)
    {
        double mean = 0, residual = 0;
        for (int i = 0; i < values.Length; i++)
        {
            mean += returns[i];
            residual += returns[i] - values[i];
        }

        mean /= values.Length;
        residual /= values.Length;
        double total = 0, unexplained = 0;
        for (int i = 0; i < values.Length; i++)
        {
            total += (returns[i] - mean) * (returns[i] - mean);
            unexplained += (returns[i] - values[i] - residual) * (returns[i] - values[i] - residual);
        }

        return total > 0 ? 1 - unexplained / total : 0;
    }
}
