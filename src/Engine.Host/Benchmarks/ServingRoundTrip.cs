using System.Diagnostics;
using System.Globalization;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Runtime.Contract;

namespace Engine.Host.Benchmarks;

/// <summary>Round trips of the echo policy over a loopback WebSocket.</summary>
internal static class ServingRoundTrip
{
    /// <summary>Measures for so many seconds and writes a line.</summary>
    public static async Task RunAsync(double seconds, TextWriter output, CancellationToken cancellation)
    {
        using var echo = BuiltInPolicies.Create("echo");
        await using var server = await PolicyServer.StartAsync(echo, new ServeOptions { Port = 0 }, cancellation);
        using var client = await ServedPolicy.ConnectAsync(server.Uri, cancellationToken: cancellation);
        var contract = client.Contract;
        var observation = new ObservationBatch
        {
            Count = 1,
            Instructions = ["put the red cube in the bowl"],
            Images = contract.Cameras.ToDictionary(camera => camera.Name, camera => new byte[camera.Bytes]),
            States = new float[contract.StateNames.Length],
        };
        var actions = new float[contract.ActionHorizon * contract.ActionNames.Length];
        for (int i = 0; i < 200; i++) client.Act(observation, actions);
        client.Times.Clear();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            cancellation.ThrowIfCancellationRequested();
            client.Act(observation, actions);
        }

        int bytes = contract.Cameras.Sum(camera => camera.Bytes);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"serve echo over a loopback WebSocket, {bytes / 1000} kB of images: p50 {client.Times.P50:0.000} ms, p99 {client.Times.P99:0.000} ms, {client.Times.Count} requests"));
    }
}
