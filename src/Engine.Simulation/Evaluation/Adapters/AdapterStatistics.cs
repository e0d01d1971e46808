namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>Statistics of one vector over a data set, as INT-ACT's configuration states them; arrays of the vector's width.</summary>
public sealed record AdapterStatistics
{
    private const double Tiny = 1e-8;

    public required double[] Mean { get; init; }

    public required double[] Std { get; init; }

    /// <summary>1 % quantile.</summary>
    public required double[] P01 { get; init; }

    /// <summary>99 % quantile.</summary>
    public required double[] P99 { get; init; }

    public double[]? Min { get; init; }

    public double[]? Max { get; init; }

    /// <summary>Numbers in the vector.</summary>
    public int Width => Mean.Length;

    /// <summary>
    /// Normalises in place: bound is <c>clip(2(x − p01)/(p99 − p01 + 1e-8) − 1, −1, 1)</c>, Gaussian is <c>(x − mean)/(std + 1e-8)</c>, not clipped.
    /// </summary>
    /// <exception cref="ArgumentException">More numbers than the statistics have.</exception>
    public void Normalise(Span<double> values, AdapterNormalisation normalisation)
    {
        CheckWidth(values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = normalisation switch
            {
                AdapterNormalisation.Bound => Math.Clamp(2 * (values[i] - P01[i]) / (P99[i] - P01[i] + Tiny) - 1, -1, 1),
                AdapterNormalisation.Gaussian => (values[i] - Mean[i]) / (Std[i] + Tiny),
                _ => values[i],
            };
        }
    }

    /// <summary>The way back, in place and without clipping: <c>(x + 1)/2 · (p99 − p01) + p01</c>, or <c>x · (std + 1e-8) + mean</c>.</summary>
    /// <exception cref="ArgumentException">More numbers than the statistics have.</exception>
    public void Unnormalise(Span<double> values, AdapterNormalisation normalisation)
    {
        CheckWidth(values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = normalisation switch
            {
                AdapterNormalisation.Bound => (values[i] + 1) / 2 * (P99[i] - P01[i]) + P01[i],
                AdapterNormalisation.Gaussian => values[i] * (Std[i] + Tiny) + Mean[i],
                _ => values[i],
            };
        }
    }

    internal void Check(string name)
    {
        foreach (double[]? array in new[] { Std, P01, P99, Min, Max })
        {
            if (array is not null && array.Length != Width) throw new InvalidDataException($"{name}: the statistics have arrays of different lengths");
        }
    }

    private void CheckWidth(int count)
    {
        if (count > Width) throw new ArgumentException($"{count} numbers were given, but the statistics have {Width}", nameof(count));
    }
}
