namespace Engine.Training.Algorithms;

/// <summary>How far a policy has moved from the one that collected the data; with r = π(a|s)/π_old(a|s).</summary>
/// <param name="ApproximateKlK1">mean(−log r): unbiased, can be negative (Schulman, "Approximating KL divergence", k1).</param>
/// <param name="ApproximateKlK3">mean((r − 1) − log r): unbiased, never negative, of less variance (the same, k3).</param>
/// <param name="ClipFraction">Share of the samples with |r − 1| above the clip range.</param>
public readonly record struct PpoDiagnostics(float ApproximateKlK1, float ApproximateKlK3, float ClipFraction);
