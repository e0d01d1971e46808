using Engine.Runtime.Contract;

namespace Engine.Runtime.Datasets;

/// <summary>Normalisation statistics of the actions and states of a data set.</summary>
public sealed record DatasetStatistics
{
    /// <summary>Half the range that a dimension without any spread is given, relative to max(1, |value|).</summary>
    private const float NoSpread = 1e-3f;

    public required NormalisationStatistics Actions { get; init; }

    public required NormalisationStatistics States { get; init; }

    /// <summary>
    /// Statistics over every step of all episodes. Quantiles are NumPy's default (linear interpolation), the standard deviation is the
    /// population's. The mask is true for all numbers but the last, the gripper, which is not normalised.
    /// A dimension that never changes gets quantiles around its value, so that it normalises to 0 (as OpenVLA's unused dimensions do) and
    /// 0 gives the value back; where only the quantiles coincide, the minimum and maximum take their place.
    /// </summary>
    /// <exception cref="ArgumentException">There are no episodes, or their widths differ.</exception>
    public static DatasetStatistics Compute(IReadOnlyCollection<Episode> episodes)
    {
        if (episodes.Count == 0) throw new ArgumentException("statistics need at least one episode", nameof(episodes));
        return new DatasetStatistics
        {
            Actions = Compute(episodes, static e => e.Actions),
            States = Compute(episodes, static e => e.States),
        };
    }

    /// <summary>The quantile <paramref name="q"/> in [0, 1] of sorted values by linear interpolation between neighbours.</summary>
    public static double Quantile(ReadOnlySpan<float> sorted, double q)
    {
        double place = (sorted.Length - 1) * q;
        int low = (int)Math.Floor(place);
        int high = Math.Min(low + 1, sorted.Length - 1);
        double t = place - low, a = sorted[low], b = sorted[high];
        return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
    }

    private static NormalisationStatistics Compute(IReadOnlyCollection<Episode> episodes, Func<Episode, float[,]> select)
    {
        float[][,] parts = [.. episodes.Select(select)];
        int width = parts[0].GetLength(1);
        if (Array.Exists(parts, p => p.GetLength(1) != width)) throw new ArgumentException("episodes differ in width", nameof(episodes));
        var result = new NormalisationStatistics
        {
            Q01 = new float[width],
            Q99 = new float[width],
            Mean = new float[width],
            Std = new float[width],
            Mask = new bool[width],
        };
        var column = new float[parts.Sum(p => p.GetLength(0))];
        for (int d = 0; d < width; d++)
        {
            int at = 0;
            double sum = 0;
            foreach (float[,] part in parts)
            {
                for (int i = 0; i < part.GetLength(0); i++)
                {
                    float value = part[i, d];
                    if (!float.IsFinite(value)) throw new ArgumentException($"dimension {d} holds {value}", nameof(episodes));
                    sum += column[at++] = value;
                }
            }

            double mean = sum / column.Length, squares = 0;
            foreach (float value in column) squares += (value - mean) * (value - mean);
            Array.Sort(column);
            result.Mean[d] = (float)mean;
            result.Std[d] = (float)Math.Sqrt(squares / column.Length);
            (result.Q01[d], result.Q99[d]) = Range(column);
            result.Mask[d] = d != width - 1;
        }

        return result;
    }

    private static (float Q01, float Q99) Range(ReadOnlySpan<float> sorted)
    {
        float low = (float)Quantile(sorted, 0.01), high = (float)Quantile(sorted, 0.99);
        if (high > low) return (low, high);
        if (sorted[^1] > sorted[0]) return (sorted[0], sorted[^1]);
        float margin = NoSpread * Math.Max(1, Math.Abs(low));
        return (low - margin, low + margin);
    }
}
