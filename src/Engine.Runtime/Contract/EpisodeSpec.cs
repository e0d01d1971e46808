namespace Engine.Runtime.Contract;

/// <summary>What an environment is reset to: a task family, a variation of it and a seed. The same spec gives the same episode.</summary>
/// <param name="Task">Task family: <c>reach</c>, <c>push</c>, <c>pick</c>, <c>put</c>.</param>
/// <param name="Variation"><c>in_distribution</c> or a probing variation's name.</param>
/// <param name="Seed">Seed of the scene's layout and instruction.</param>
public sealed record EpisodeSpec(string Task, string Variation, ulong Seed);
