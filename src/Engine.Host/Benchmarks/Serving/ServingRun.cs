namespace Engine.Host.Benchmarks.Serving;

/// <summary>How serving is measured.</summary>
/// <param name="Pairs">Pairs of measurements, taken in turns.</param>
/// <param name="Seconds">Time for each measurement.</param>
/// <param name="SoakMinutes">Time of the soak.</param>
/// <param name="Upstream">A checkout of openpi; lines that need it are left out where it is null.</param>
/// <param name="Python">Interpreter for it.</param>
/// <param name="Cancellation">Ends the run.</param>
internal sealed record ServingRun(int Pairs, double Seconds, double SoakMinutes, string? Upstream, string Python, CancellationToken Cancellation);
