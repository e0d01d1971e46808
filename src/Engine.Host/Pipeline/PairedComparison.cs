using Engine.Kernels.Ops.Philox;

namespace Engine.Host.Pipeline;

/// <summary>Two policies on the same seeds.</summary>
public static class PairedComparison
{
    private const int Resamples = 10_000;

    /// <summary>Difference of success (second less first) with a bootstrap 95 % interval over episodes, and McNemar's exact p.</summary>
    public static PairedResult Of(bool[] first, bool[] second, ulong seed)
    {
        if (first.Length != second.Length || first.Length == 0) throw new ArgumentException($"first has {first.Length} episodes, second {second.Length}; they must agree and not be empty.");
        var difference = new int[first.Length];
        int better = 0, worse = 0;
        for (int i = 0; i < difference.Length; i++)
        {
            difference[i] = (second[i] ? 1 : 0) - (first[i] ? 1 : 0);
            if (difference[i] > 0) better++;
            if (difference[i] < 0) worse++;
        }

        var random = new PhiloxRandom(new PhiloxKey(seed, PhiloxStream.Bootstrap));
        var means = new double[Resamples];
        for (int r = 0; r < Resamples; r++)
        {
            int sum = 0;
            for (int i = 0; i < difference.Length; i++) sum += difference[random.NextInt(difference.Length)];
            means[r] = sum / (double)difference.Length;
        }

        Array.Sort(means);
        return new PairedResult(difference.Average(), means[(int)(0.025 * Resamples)], means[(int)(0.975 * Resamples)], McNemar(better, worse));
    }

    /// <summary>Two-sided exact p of as uneven a split of the discordant pairs.</summary>
    private static double McNemar(int better, int worse)
    {
        int n = better + worse, few = Math.Min(better, worse);
        if (n == 0) return 1;
        double log = -n * Math.Log(2), sum = 0;
        for (int k = 0; k <= few; k++)
        {
            sum += Math.Exp(log);
            log += Math.Log((n - k) / (k + 1.0));
        }

        return Math.Min(1, 2 * sum);
    }
}
