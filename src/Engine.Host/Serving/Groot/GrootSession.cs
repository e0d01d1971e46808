using System.Diagnostics;
using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving.Groot;

/// <summary>
/// One client of GR00T's protocol: a msgpack map <c>{endpoint, data, api_token}</c> gives a msgpack value, <c>{"error": …}</c> where something is wrong.
/// Endpoints are <c>ping</c>, <c>get_action</c> (also where none is named), <c>reset</c>, <c>get_modality_config</c> and <c>kill</c>.
/// </summary>
internal sealed class GrootSession(PolicyContract contract, ServeOptions options, GrootModalities modalities, AccessToken token, PolicySession session, ServingMetrics metrics, Action kill)
{
    /// <summary>Whether the client has shown the token, where there is one.</summary>
    internal bool Admitted { get; private set; } = !token.Required;

    /// <summary>Ends what is recorded of the session.</summary>
    internal void Close() => session.Close();

    /// <summary>Answers one request; never throws for what a client sent.</summary>
    internal async Task<byte[]> AnswerAsync(ReadOnlyMemory<byte> message)
    {
        long received = Stopwatch.GetTimestamp();
        try
        {
            if (MsgPackReader.Read(message) is not MsgPackMap request) throw new ObservationException("expected a map with 'endpoint' and 'data'");
            request.TryGet("api_token", out string? sent);
            if (!token.Admits(sent))
            {
                metrics.Refused();
                return Error("Unauthorized: Invalid API token");
            }

            Admitted = true;
            object? endpoint = request.ContainsKey("endpoint") ? request["endpoint"] : "get_action";
            switch (endpoint)
            {
                case "get_action":
                    object reply = await ActAsync(request).ConfigureAwait(false);
                    metrics.Request(Stopwatch.GetElapsedTime(received));
                    return MsgPackWriter.ToBytes(reply);
                case "ping":
                    return MsgPackWriter.ToBytes(new MsgPackMap { ["status"] = "ok", ["message"] = "Server is running" });
                case "reset":
                    session.Reset();
                    return MsgPackWriter.ToBytes(new MsgPackMap());
                case "get_modality_config":
                    return modalities.Config;
                case "kill" when options.AllowKill:
                    kill();
                    return MsgPackWriter.ToBytes(new MsgPackMap { ["status"] = "ok", ["message"] = "Server is shutting down" });
                case "kill":
                    throw new ObservationException("clients may not stop this server (start it with --allow-kill to let them)");
                default:
                    string shown = endpoint is string name ? $"'{GrootArrays.Short(name)}'" : "which is no text";
                    throw new ObservationException($"unknown endpoint {shown}; there are get_action, ping, reset, get_modality_config and kill");
            }
        }
        catch (Exception error) when (error is ObservationException or MsgPackException)
        {
            metrics.Error();
            return Error(error.Message);
        }
        catch (Exception error)
        {
            metrics.Error();
            options.Log?.Invoke($"the policy failed: {error}");
            return Error($"the policy failed: {error.Message}");
        }
    }

    private static byte[] Error(string message) => MsgPackWriter.ToBytes(new MsgPackMap { ["error"] = message });

    /// <summary>
    /// N1 and N1.5 send the observation as <c>data</c> and get a map; from N1.6 on it stands with <c>options</c> in <c>data</c>, and the reply is a pair of
    /// actions (always with a batch dimension) and information. Nested observations get action keys without <c>action.</c>.
    /// </summary>
    private async Task<object> ActAsync(MsgPackMap request)
    {
        if (!request.TryGet("data", out MsgPackMap? data)) throw new ObservationException("get_action needs the observation, a map, as 'data'");
        bool paired = data.TryGet("observation", out MsgPackMap? inner);
        var observation = GrootObservation.Read(inner ?? data, modalities.State, contract.StateNames.Length);
        await session.InferAsync(observation.Map).ConfigureAwait(false);
        var actions = new MsgPackMap();
        foreach (var part in modalities.Action.Parts)
        {
            actions[observation.Nested ? part.Name : $"action.{part.Name}"] =
                GrootArrays.Columns(session.Actions, contract.ActionNames.Length, part.Offset, part.Width, paired || observation.Batched);
        }

        return paired ? new object[] { actions, new MsgPackMap() } : actions;
    }
}
