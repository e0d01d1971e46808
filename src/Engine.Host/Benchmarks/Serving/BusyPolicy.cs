using System.Diagnostics;
using Engine.Runtime.Contract;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>A policy that computes for a while for every observation, then gives its state back.</summary>
internal sealed class BusyPolicy(IPolicy echo, TimeSpan time) : IPolicy
{
    public PolicyContract Contract => echo.Contract;

    public void Act(ObservationBatch observations, Span<float> actions, float temperature = 0, ReadOnlySpan<float> uniforms = default)
    {
        long end = Stopwatch.GetTimestamp() + (long)(observations.Count * time.TotalSeconds * Stopwatch.Frequency);
        while (Stopwatch.GetTimestamp() < end) Thread.SpinWait(20);
        echo.Act(observations, actions, temperature, uniforms);
    }

    public void Dispose() => echo.Dispose();
}
