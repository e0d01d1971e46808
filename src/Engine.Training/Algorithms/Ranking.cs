namespace Engine.Training.Algorithms;

/// <summary>Measures of a learnt score against the truth.</summary>
public static class Ranking
{
    /// <summary>
    /// Area under the ROC curve: the chance that a positive scores above a negative, ties counting half (Mann–Whitney).
    /// NaN when one of the classes is empty.
    /// </summary>
    public static double AreaUnderCurve(ReadOnlySpan<double> scores, ReadOnlySpan<bool> positive)
    {
        if (scores.Length != positive.Length) throw new ArgumentException($"scores has {scores.Length} entries, positive {positive.Length}; they must agree.");
        var order = new int[scores.Length];
        for (int i = 0; i < order.Length; i++) order[i] = i;
        var values = scores.ToArray();
        Array.Sort(values, order);
        double rankSum = 0;
        long positives = 0;
        for (int i = 0; i < order.Length;)
        {
            int end = i;
            while (end < order.Length && values[end] == values[i]) end++;
            double rank = (i + 1 + end) / 2.0;
            for (; i < end; i++)
            {
                if (!positive[order[i]]) continue;
                positives++;
                rankSum += rank;
            }
        }

        long negatives = scores.Length - positives;
        return positives == 0 || negatives == 0 ? double.NaN : (rankSum - positives * (positives + 1) / 2.0) / ((double)positives * negatives);
    }
}
