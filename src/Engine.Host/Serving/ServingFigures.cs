using Engine.Host.Serving.Client;

namespace Engine.Host.Serving;

/// <summary>What <see cref="ServingBenchmark"/> measured.</summary>
/// <param name="Policy">Name of the policy.</param>
/// <param name="ObservationBytes">Size of one observation on the wire.</param>
/// <param name="Connections">Clients at the same time.</param>
/// <param name="Served">Round trips over the loopback socket, encoding and decoding included.</param>
/// <param name="Direct">The policy called in the process.</param>
/// <param name="Elapsed">Time of all served requests.</param>
public sealed record ServingFigures(string Policy, int ObservationBytes, int Connections, RoundTripTimes Served, RoundTripTimes Direct, TimeSpan Elapsed)
{
    /// <summary>Requests answered in a second, all clients together.</summary>
    public double RequestsPerSecond => Served.Count / Elapsed.TotalSeconds;

    public override string ToString() =>
        $"{Policy}, {ObservationBytes} bytes, {Connections} clients: p50 {Served.P50:f3} ms, p99 {Served.P99:f3} ms, {RequestsPerSecond:f0} requests/s; "
        + $"the policy alone: p50 {Direct.P50:f3} ms, p99 {Direct.P99:f3} ms";
}
