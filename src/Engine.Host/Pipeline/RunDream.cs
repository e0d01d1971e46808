using Engine.Runtime.Contract;
using Engine.Training.Rollouts;

namespace Engine.Host.Pipeline;

/// <summary>What dreams of a run are made of, and where they begin.</summary>
/// <param name="Models">The run's world model, autoencoder and success classifier.</param>
/// <param name="Starts">First frames as latents.</param>
/// <param name="Recorded">The episodes whose first frames they are, without their steps.</param>
public sealed record RunDream(DreamModels Models, DreamStarts Starts, IReadOnlyList<Episode> Recorded);
