namespace Engine.Simulation.Evaluation;

/// <summary>Two policies on the same episodes: second minus first.</summary>
/// <param name="Total">Number of pairs.</param>
/// <param name="First">Rate of the first.</param>
/// <param name="Second">Rate of the second.</param>
/// <param name="Difference">Second minus first.</param>
/// <param name="Low">2.5 % quantile of the difference over bootstrap resamples of the pairs.</param>
/// <param name="High">97.5 % quantile.</param>
/// <param name="OnlyFirst">Pairs in which only the first succeeded.</param>
/// <param name="OnlySecond">Pairs in which only the second succeeded.</param>
/// <param name="PValue">McNemar's exact two-sided p.</param>
public sealed record PairedComparison(
    int Total, double First, double Second, double Difference, double Low, double High, int OnlyFirst, int OnlySecond, double PValue);
