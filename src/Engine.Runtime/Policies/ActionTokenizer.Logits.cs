namespace Engine.Runtime.Policies;

/// <content>What follows from the logits of action tokens. The support of every soft-max here is the whole width of the logits passed in.</content>
public sealed partial class ActionTokenizer
{
    /// <summary>
    /// log π(a | s): the sum over the action tokens of the log-soft-max at each. <paramref name="logits"/> is [A, V], row-major, V being
    /// <see cref="VocabularySize"/>; <paramref name="tokens"/> is [A].
    /// </summary>
    /// <exception cref="ArgumentException">The logits are not [A, V].</exception>
    /// <exception cref="ArgumentOutOfRangeException">A token is outside the vocabulary.</exception>
    public double LogProbability(ReadOnlySpan<float> logits, ReadOnlySpan<int> tokens)
    {
        CheckLogits(logits, tokens.Length);
        double sum = 0;
        for (int i = 0; i < tokens.Length; i++)
        {
            if ((uint)tokens[i] >= (uint)VocabularySize)
                throw new ArgumentOutOfRangeException(nameof(tokens), tokens[i], $"expected a token of 0 to {VocabularySize - 1}");
            ReadOnlySpan<float> row = logits.Slice(i * VocabularySize, VocabularySize);
            sum += row[tokens[i]] - LogSumExp(row, 1.0);
        }

        return sum;
    }

    /// <summary>Tokens of the largest logits, the first of equals. <paramref name="logits"/> is [A, V], <paramref name="tokens"/> is [A].</summary>
    /// <exception cref="ArgumentException">The logits are not [A, V].</exception>
    public void ArgMax(ReadOnlySpan<float> logits, Span<int> tokens)
    {
        CheckLogits(logits, tokens.Length);
        for (int i = 0; i < tokens.Length; i++)
        {
            ReadOnlySpan<float> row = logits.Slice(i * VocabularySize, VocabularySize);
            int best = 0;
            for (int j = 1; j < row.Length; j++)
            {
                if (row[j] > row[best]) best = j;
            }

            tokens[i] = best;
        }
    }

    /// <summary>
    /// Soft decoding: bin centres weighted with the soft-max at a temperature. Tokens that mean no action count as the nearest centre, as
    /// in the original. <paramref name="logits"/> is [A, V]; <paramref name="values"/> is [A], normalised.
    /// </summary>
    /// <exception cref="ArgumentException">The logits are not [A, V].</exception>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is not positive.</exception>
    public void DecodeSoft(ReadOnlySpan<float> logits, double temperature, Span<float> values)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(temperature);
        CheckLogits(logits, values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<float> row = logits.Slice(i * VocabularySize, VocabularySize);
            double offset = LogSumExp(row, temperature), sum = 0;
            for (int j = 0; j < row.Length; j++) sum += Math.Exp(row[j] / temperature - offset) * _centres[CentreIndex(j)];
            values[i] = (float)sum;
        }
    }

    private static double LogSumExp(ReadOnlySpan<float> row, double temperature)
    {
        double greatest = double.NegativeInfinity, sum = 0;
        foreach (float logit in row) greatest = Math.Max(greatest, logit / temperature);
        foreach (float logit in row) sum += Math.Exp(logit / temperature - greatest);
        return greatest + Math.Log(sum);
    }

    private void CheckLogits(ReadOnlySpan<float> logits, int actions)
    {
        if (logits.Length != (long)actions * VocabularySize)
            throw new ArgumentException($"logits has length {logits.Length}, expected {actions}·{VocabularySize}", nameof(logits));
    }
}
