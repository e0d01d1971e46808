namespace Engine.Runtime.WorldModel;

/// <summary>What a world-model benchmark measured.</summary>
/// <param name="Name">The configuration's name.</param>
/// <param name="Mode">Exact or streaming.</param>
/// <param name="Environments">Dreams that advanced together.</param>
/// <param name="Threads">Threads.</param>
/// <param name="Milliseconds">Median time of a step of all of them.</param>
/// <param name="BestMilliseconds">Shortest time of a step.</param>
/// <param name="ProcessorMilliseconds">Processor time of a step, all threads together, waiting by spinning included: what remains meaningful on a busy machine.</param>
/// <param name="Steps">Steps measured.</param>
/// <param name="Flops">Floating-point operations of a step by <see cref="WorldModelFlops"/>.</param>
/// <param name="OriginalFlops">The same for the original's way.</param>
/// <param name="PeakGigaflops">What all threads together could do at most, GFLOP/s.</param>
public sealed record WorldModelTiming(
    string Name, DreamMode Mode, int Environments, int Threads, double Milliseconds, double BestMilliseconds, double ProcessorMilliseconds, int Steps, double Flops, double OriginalFlops,
    double PeakGigaflops)
{
    /// <summary>Median time per frame.</summary>
    public double MillisecondsPerFrame => Milliseconds / Environments;

    /// <summary>Rate at the median, GFLOP/s.</summary>
    public double Gigaflops => Flops / Milliseconds / 1e6;

    /// <summary>Rate over peak.</summary>
    public double ShareOfPeak => Gigaflops / PeakGigaflops;

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant(
        $"{Name} {Mode} B={Environments} threads={Threads}: {Milliseconds:F2} ms a step (best {BestMilliseconds:F2}, processor {ProcessorMilliseconds:F2}, {Steps} steps), {MillisecondsPerFrame:F3} ms a frame, {Flops / 1e9:F2} GFLOP ({OriginalFlops / Flops:F1} times fewer than the original's way), {Gigaflops:F0} of {PeakGigaflops:F0} GFLOP/s ({ShareOfPeak:P0})");
}
