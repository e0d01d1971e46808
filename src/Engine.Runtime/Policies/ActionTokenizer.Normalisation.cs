using Engine.Runtime.Contract;

namespace Engine.Runtime.Policies;

/// <content>From the environment's units to [−1, 1] and back, with the statistics of a data set.</content>
public sealed partial class ActionTokenizer
{
    private const double Tiny = 1e-8;

    /// <summary>
    /// OpenVLA's q01–q99 normalisation: <c>clip(2(x − q01)/(q99 − q01 + 1e-8) − 1, −1, 1)</c> where the mask is set, x elsewhere, and 0 where
    /// <paramref name="unused"/> is set (dimensions whose minimum equals their maximum). Works on states as well as actions.
    /// </summary>
    /// <param name="statistics">Statistics of width A.</param>
    /// <param name="values">[n, A], in the environment's units.</param>
    /// <param name="normalised">[n, A]; may be <paramref name="values"/> itself.</param>
    /// <param name="unused">[A], or empty for none.</param>
    /// <exception cref="ArgumentException">A length does not fit the width.</exception>
    public static void Normalise(
        NormalisationStatistics statistics, ReadOnlySpan<float> values, Span<float> normalised, ReadOnlySpan<bool> unused = default)
    {
        CheckWidth(statistics, values, normalised);
        int width = statistics.Width;
        if (unused.Length != 0 && unused.Length != width)
            throw new ArgumentException($"unused has length {unused.Length}, expected {width} or none", nameof(unused));
        for (int i = 0; i < values.Length; i++)
        {
            int d = i % width;
            double x = values[i], low = statistics.Q01[d], range = statistics.Q99[d] - low;
            if (unused.Length != 0 && unused[d]) normalised[i] = 0f;
            else normalised[i] = statistics.Mask[d] ? (float)Math.Clamp(2.0 * (x - low) / (range + Tiny) - 1.0, -1.0, 1.0) : values[i];
        }
    }

    /// <summary>
    /// The way back: <c>0.5(x + 1)(q99 − q01) + q01</c> where the mask is set, x elsewhere. <paramref name="normalised"/> and
    /// <paramref name="values"/> are [n, A] and may be the same.
    /// </summary>
    /// <exception cref="ArgumentException">A length does not fit the width.</exception>
    public static void Unnormalise(NormalisationStatistics statistics, ReadOnlySpan<float> normalised, Span<float> values)
    {
        CheckWidth(statistics, normalised, values);
        int width = statistics.Width;
        for (int i = 0; i < normalised.Length; i++)
        {
            int d = i % width;
            double x = normalised[i], low = statistics.Q01[d];
            values[i] = statistics.Mask[d] ? (float)(0.5 * (x + 1.0) * (statistics.Q99[d] - low) + low) : normalised[i];
        }
    }

    /// <summary>
    /// <c>(x − mean)/(std + 1e-8)</c> where the mask is set, x elsewhere, not clipped. <paramref name="values"/> and
    /// <paramref name="normalised"/> are [n, A] and may be the same.
    /// </summary>
    /// <exception cref="ArgumentException">A length does not fit the width.</exception>
    public static void NormaliseGaussian(NormalisationStatistics statistics, ReadOnlySpan<float> values, Span<float> normalised)
    {
        CheckWidth(statistics, values, normalised);
        int width = statistics.Width;
        for (int i = 0; i < values.Length; i++)
        {
            int d = i % width;
            normalised[i] = statistics.Mask[d] ? (float)(((double)values[i] - statistics.Mean[d]) / (statistics.Std[d] + Tiny)) : values[i];
        }
    }

    private static void CheckWidth(NormalisationStatistics statistics, ReadOnlySpan<float> source, Span<float> destination)
    {
        if (statistics.Width == 0 ? source.Length != 0 : source.Length % statistics.Width != 0)
            throw new ArgumentException($"{source.Length} numbers are no rows of {statistics.Width}, the width of the statistics", nameof(source));
        if (destination.Length != source.Length)
            throw new ArgumentException($"the destination has length {destination.Length}, expected {source.Length}", nameof(destination));
    }
}
