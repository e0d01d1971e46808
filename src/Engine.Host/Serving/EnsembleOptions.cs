namespace Engine.Host.Serving;

/// <summary>Temporal ensembling of a session's chunks: the mean of what the last ones said about the same moment, weighted with <c>exp(−m·k)</c>, k = 0 for the oldest.</summary>
/// <param name="Chunks">Chunks that are kept, the newest included; at least 2.</param>
/// <param name="Temperature">m: 0.01 in ACT; negative favours new chunks, as INT-ACT's settings do.</param>
public sealed record EnsembleOptions(int Chunks, double Temperature = 0.01);
