using System.Diagnostics;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>Measures what serving a policy costs: requests over a loopback socket beside the same observations given to the policy itself.</summary>
public static class ServingBenchmark
{
    private const int WarmUp = 200;

    /// <summary>
    /// Serves the policy on a free port and drives it with <paramref name="connections"/> clients, each waiting for its answer before it asks again.
    /// </summary>
    /// <param name="policy">The policy; <c>echo</c> shows the server alone.</param>
    /// <param name="requests">Requests in all, after a warm-up.</param>
    /// <param name="connections">Clients at the same time.</param>
    /// <param name="cancellationToken">Ends the measurement.</param>
    public static async Task<ServingFigures> RunAsync(IPolicy policy, int requests, int connections = 1, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(requests, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(connections, 1);
        var contract = policy.Contract;
        var direct = new RoundTripTimes();
        var batch = ObservationReader.NewBatch(contract, 1);
        float[] actions = new float[contract.ActionHorizon * contract.ActionNames.Length];
        for (int i = 0; i < WarmUp / 4; i++) policy.Act(batch, actions);
        for (int i = 0; i < Math.Min(requests, 1000); i++)
        {
            long started = Stopwatch.GetTimestamp();
            policy.Act(batch, actions);
            direct.Since(started);
        }

        var server = await PolicyServer.StartAsync(policy, new ServeOptions { Port = 0 }, cancellationToken).ConfigureAwait(false);
        await using (server.ConfigureAwait(false))
        {
            var served = new RoundTripTimes();
            var observation = Observation(contract);
            long begun = 0;
            using var start = new Barrier(connections, _ => begun = Stopwatch.GetTimestamp());
            await Task.WhenAll(Enumerable.Range(0, connections).Select(c => Task.Factory.StartNew(
                () => Drive(server.Uri, observation, served, requests / connections + (c < requests % connections ? 1 : 0), start, cancellationToken),
                cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default))).ConfigureAwait(false);
            return new ServingFigures(contract.Name, MsgPackWriter.ToBytes(observation).Length, connections, served, direct, Stopwatch.GetElapsedTime(begun));
        }
    }

    private static MsgPackMap Observation(PolicyContract contract)
    {
        var map = new MsgPackMap { ["prompt"] = "reach the red cube" };
        foreach (var camera in contract.Cameras) map["observation/" + camera.Name] = NumpyArray.From(new byte[camera.Bytes], camera.Height, camera.Width, 3);
        map["observation/state"] = NumpyArray.From(new float[contract.StateNames.Length], contract.StateNames.Length);
        return map;
    }

    private static void Drive(Uri uri, MsgPackMap observation, RoundTripTimes times, int requests, Barrier start, CancellationToken cancellationToken)
    {
        DriveAsync().GetAwaiter().GetResult();

        async Task DriveAsync()
        {
            var client = await OpenPiClient.ConnectAsync(uri, null, cancellationToken).ConfigureAwait(false);
            await using (client.ConfigureAwait(false))
            {
                for (int i = 0; i < WarmUp; i++) await client.InferAsync(observation, cancellationToken).ConfigureAwait(false);
                start.SignalAndWait(cancellationToken);
                for (int i = 0; i < requests; i++)
                {
                    long started = Stopwatch.GetTimestamp();
                    await client.InferAsync(observation, cancellationToken).ConfigureAwait(false);
                    times.Since(started);
                }
            }
        }
    }
}
