namespace Engine.Simulation.Evaluation;

/// <summary>How often something happened, with an interval.</summary>
/// <param name="Count">How often it happened.</param>
/// <param name="Total">Out of how many.</param>
/// <param name="Rate">Their ratio.</param>
/// <param name="Low">Lower end of the interval.</param>
/// <param name="High">Upper end of the interval.</param>
public sealed record Proportion(int Count, int Total, double Rate, double Low, double High);
