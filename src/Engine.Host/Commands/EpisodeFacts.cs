namespace Engine.Host.Commands;

/// <summary>One episode of a <see cref="DatasetSummary"/>, without its pictures.</summary>
public sealed record EpisodeFacts(string Task, string Actor, string Variation, string Instruction, bool Success, int Steps);
