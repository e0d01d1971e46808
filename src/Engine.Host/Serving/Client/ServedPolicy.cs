using System.Text.Json;
using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.OpenPi;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;

namespace Engine.Host.Serving.Client;

/// <summary>
/// A policy that runs in another process: every observation of a batch goes through a socket of openpi's protocol, so that whatever drives an
/// <see cref="IPolicy"/> (an evaluation in the simulator, say) drives a server. An environment's observations go over one connection, number mod n, whose session is told
/// when an episode begins (where the server is one of ours); the connections work at the same time.
/// </summary>
public sealed class ServedPolicy : IPolicy
{
    private readonly OpenPiClient[] _clients;
    private readonly bool _resets;

    private ServedPolicy(OpenPiClient[] clients, PolicyContract contract)
    {
        _clients = clients;
        _resets = clients[0].Metadata.ContainsKey(OpenPiMetadata.ContractKey);
        Contract = contract;
    }

    public PolicyContract Contract { get; }

    /// <summary>Round-trip times of all requests.</summary>
    public RoundTripTimes Times { get; } = new();

    /// <summary>Number of connections.</summary>
    public int Connections => _clients.Length;

    /// <summary>Connects. The contract is the one that the server sends, or the one given, for servers that send none.</summary>
    /// <exception cref="System.Net.WebSockets.WebSocketException">There is no such server, or it refuses.</exception>
    /// <exception cref="InvalidDataException">The server sends no contract and none is given.</exception>
    public static async Task<ServedPolicy> ConnectAsync(
        Uri uri, int connections = 1, string? token = null, PolicyContract? contract = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(connections, 1);
        var clients = new List<OpenPiClient>(connections);
        try
        {
            for (int i = 0; i < connections; i++) clients.Add(await OpenPiClient.ConnectAsync(uri, token, cancellationToken).ConfigureAwait(false));
            return new ServedPolicy([.. clients], contract ?? ContractOf(clients[0].Metadata, uri));
        }
        catch
        {
            foreach (var client in clients) await client.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Computes the actions of a batch by asking the server; blocks until all answers are there.</summary>
    /// <exception cref="OpenPiServerException">The server refused an observation.</exception>
    public void Act(ObservationBatch observations, Span<float> actions, float temperature = 0f, ReadOnlySpan<float> uniforms = default)
    {
        int chunk = Contract.ActionHorizon * Contract.ActionNames.Length;
        if (actions.Length != observations.Count * chunk)
            throw new ArgumentException($"actions has {actions.Length} numbers, expected {observations.Count}·{chunk}.", nameof(actions));
        if (temperature > 0 && uniforms.Length != actions.Length)
            throw new ArgumentException($"uniforms has {uniforms.Length} numbers, expected {actions.Length}: one for each action number.", nameof(uniforms));

        float[] results = new float[actions.Length];
        float[] random = temperature > 0 ? uniforms.ToArray() : [];
        var work = Enumerable.Range(0, observations.Count).GroupBy(i => (observations.Environments?[i] ?? i) % _clients.Length)
            .Select(own => Task.Run(() => AskAsync(own.Key, [.. own], observations, results, temperature, random))).ToArray();
        Task.WhenAll(work).GetAwaiter().GetResult();
        results.CopyTo(actions);
    }

    public void Dispose() => Task.WhenAll(_clients.Select(c => c.DisposeAsync().AsTask())).GetAwaiter().GetResult();

    private static PolicyContract ContractOf(MsgPackMap metadata, Uri uri)
    {
        if (!metadata.TryGet(OpenPiMetadata.ContractKey, out string? json))
            throw new InvalidDataException($"{uri} does not send its contract; give the one that its policy was trained with.");
        try
        {
            return JsonSerializer.Deserialize<PolicyContract>(json, JsonFile.Options) ?? throw new InvalidDataException($"{uri} sends an empty contract.");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{uri} sends a contract that cannot be read: {error.Message}", error);
        }
    }

    private async Task AskAsync(int connection, int[] own, ObservationBatch observations, float[] results, float temperature, float[] uniforms)
    {
        int chunk = results.Length / observations.Count, state = Contract.StateNames.Length;
        foreach (int i in own)
        {
            if (_resets && observations.Begins?[i] == true) await _clients[connection].ResetAsync().ConfigureAwait(false);
            var map = new MsgPackMap { ["prompt"] = observations.Instructions[i] };
            foreach (var camera in Contract.Cameras)
            {
                var image = observations.Images[camera.Name].Slice(i * camera.Bytes, camera.Bytes);
                map["observation/" + camera.Name] = NumpyArray.From(image, camera.Height, camera.Width, 3);
            }

            if (state > 0) map["observation/state"] = NumpyArray.From(observations.States.AsSpan(i * state, state), state);
            map["temperature"] = (double)temperature;
            if (temperature > 0) map["uniforms"] = NumpyArray.From(uniforms.AsSpan(i * chunk, chunk), chunk);

            long started = System.Diagnostics.Stopwatch.GetTimestamp();
            var reply = await _clients[connection].InferAsync(map).ConfigureAwait(false);
            Times.Since(started);
            if (reply.Actions.Length != chunk)
                throw new InvalidDataException($"the server gave {reply.Actions.Length} action numbers, its contract says {chunk}.");
            reply.Actions.CopyTo(results, i * chunk);
        }
    }
}
