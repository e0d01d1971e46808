using Engine.Kernels.Ops.Philox;

namespace Engine.Simulation.Evaluation;

/// <summary>The statistics that reports state beside every figure.</summary>
public static class Statistics
{
    private const double Z95 = 1.959963984540054;

    /// <summary>Wilson's 95 % score interval of a proportion (E. B. Wilson, JASA 22, 1927).</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 0 ≤ count ≤ total, or total is 0.</exception>
    public static Proportion Wilson(int count, int total)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(total);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, total);
        double n = total, p = count / n, z2 = Z95 * Z95;
        double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
        double half = Z95 / (1 + z2 / n) * Math.Sqrt(p * (1 - p) / n + z2 / (4 * n * n));
        return new Proportion(count, total, p, count == 0 ? 0 : centre - half, count == total ? 1 : centre + half);
    }

    /// <summary>Compares two policies on the same episodes.</summary>
    /// <param name="first">Whether the first succeeded, per episode.</param>
    /// <param name="second">Whether the second succeeded on the same episodes.</param>
    /// <param name="seed">Seed of the bootstrap.</param>
    /// <param name="resamples">Number of bootstrap resamples.</param>
    /// <exception cref="ArgumentException">Empty, or of different lengths.</exception>
    public static PairedComparison Compare(ReadOnlySpan<bool> first, ReadOnlySpan<bool> second, ulong seed = 0, int resamples = 10_000)
    {
        if (first.Length == 0 || first.Length != second.Length)
            throw new ArgumentException($"Paired results of one length expected, got {first.Length} and {second.Length}.");
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(resamples);
        int n = first.Length, a = 0, b = 0, onlyFirst = 0, onlySecond = 0;
        var differences = new sbyte[n];
        for (int i = 0; i < n; i++)
        {
            if (first[i]) a++;
            if (second[i]) b++;
            if (first[i] && !second[i]) onlyFirst++;
            if (second[i] && !first[i]) onlySecond++;
            differences[i] = (sbyte)((second[i] ? 1 : 0) - (first[i] ? 1 : 0));
        }

        double[] means = new double[resamples];
        for (int r = 0; r < resamples; r++)
        {
            var random = new PhiloxRandom(new PhiloxKey(seed, PhiloxStream.Bootstrap, 0, 0, (uint)r));
            int sum = 0;
            for (int i = 0; i < n; i++) sum += differences[random.NextInt(n)];
            means[r] = sum / (double)n;
        }

        Array.Sort(means);
        return new PairedComparison(
            n, a / (double)n, b / (double)n, (b - a) / (double)n, Quantile(means, 0.025), Quantile(means, 0.975), onlyFirst, onlySecond, McNemar(onlyFirst, onlySecond));
    }

    /// <summary>McNemar's exact two-sided p from the discordant pairs: the binomial test at one half, at most 1.</summary>
    public static double McNemar(int onlyFirst, int onlySecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(onlyFirst);
        ArgumentOutOfRangeException.ThrowIfNegative(onlySecond);
        int n = onlyFirst + onlySecond;
        double logTerm = -n * Math.Log(2), sum = 0;
        for (int k = 0; k <= Math.Min(onlyFirst, onlySecond); k++)
        {
            sum += Math.Exp(logTerm);
            logTerm += Math.Log((n - k) / (k + 1.0));
        }

        return Math.Min(1, 2 * sum);
    }

    /// <summary>Pearson's correlation; NaN where one side does not vary.</summary>
    /// <exception cref="ArgumentException">Fewer than two values, or different lengths.</exception>
    public static double Pearson(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        CheckPaired(x, y);
        double meanX = 0, meanY = 0;
        for (int i = 0; i < x.Length; i++) (meanX, meanY) = (meanX + x[i] / x.Length, meanY + y[i] / x.Length);
        double xx = 0, yy = 0, xy = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double dx = x[i] - meanX, dy = y[i] - meanY;
            (xx, yy, xy) = (xx + dx * dx, yy + dy * dy, xy + dx * dy);
        }

        return xy / Math.Sqrt(xx * yy);
    }

    /// <summary>
    /// Mean maximum rank violation of SIMPLER (arXiv 2405.05941): for each policy the largest real difference to another that the
    /// imagined figures order the wrong way round, averaged. 0 is a perfect order.
    /// </summary>
    /// <exception cref="ArgumentException">Fewer than two values, or different lengths.</exception>
    public static double MeanMaximumRankViolation(ReadOnlySpan<double> imagined, ReadOnlySpan<double> real)
    {
        CheckPaired(imagined, real);
        double sum = 0;
        for (int i = 0; i < real.Length; i++)
        {
            double worst = 0;
            for (int j = 0; j < real.Length; j++)
            {
                if ((imagined[i] < imagined[j]) != (real[i] < real[j])) worst = Math.Max(worst, Math.Abs(real[i] - real[j]));
            }

            sum += worst;
        }

        return sum / real.Length;
    }

    /// <summary>Quantile of sorted values, linear between neighbours.</summary>
    internal static double Quantile(ReadOnlySpan<double> sorted, double q)
    {
        double at = q * (sorted.Length - 1);
        int low = (int)at;
        return low + 1 < sorted.Length ? sorted[low] + (at - low) * (sorted[low + 1] - sorted[low]) : sorted[low];
    }

    private static void CheckPaired(ReadOnlySpan<double> x, ReadOnlySpan<double> y)
    {
        if (x.Length < 2 || x.Length != y.Length) throw new ArgumentException($"Two lists of one length, at least 2, expected; got {x.Length} and {y.Length}.");
    }
}
