namespace Engine.Kernels.Ops.Philox;

/// <summary>
/// Names one stream of random numbers: who draws (<see cref="Stream"/>), for which environment, episode and step.
/// Two different keys give statistically independent numbers; the same key gives the same numbers on every machine,
/// whatever the batch size, the thread count or the order of the calls.
/// </summary>
/// <param name="Seed">The run's seed.</param>
/// <param name="Stream">What the numbers are for; one constant for each use (see <see cref="PhiloxStream"/>).</param>
/// <param name="Environment">Index of the environment, or 0.</param>
/// <param name="Episode">Index of the episode, or 0.</param>
/// <param name="Step">Index of the step or frame within the episode, or 0.</param>
public readonly record struct PhiloxKey(ulong Seed, uint Stream, uint Environment = 0, uint Episode = 0, uint Step = 0);
