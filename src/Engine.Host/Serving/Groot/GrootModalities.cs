using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving.Groot;

/// <summary>The keys of a policy's observations and actions for GR00T's clients, and the reply of <c>get_modality_config</c> that tells them.</summary>
internal sealed class GrootModalities
{
    private const string Language = "annotation.human.task_description";

    /// <exception cref="ArgumentException">The configured keys do not make up the policy's state or action.</exception>
    internal GrootModalities(PolicyContract contract, ServeOptions options)
    {
        State = GrootKeys.For("state", options.GrootState, contract.StateNames);
        Action = GrootKeys.For("action", options.GrootAction, contract.ActionNames);
        Config = MsgPackWriter.ToBytes(new MsgPackMap
        {
            ["video"] = Modality("video.", contract.Cameras.Select(c => c.Name), 1),
            ["state"] = Modality("state.", State.Parts.Select(p => p.Name), 1),
            ["action"] = Modality("action.", Action.Parts.Select(p => p.Name), contract.ActionHorizon),
            ["language"] = Modality("", [Language], 1),
        });
    }

    internal GrootKeys State { get; }

    internal GrootKeys Action { get; }

    /// <summary>The reply of <c>get_modality_config</c>.</summary>
    internal byte[] Config { get; }

    /// <summary>N1 and N1.5 read <c>as_json</c>, a text, with keys in full; N1.7 reads <c>as_dict</c>, a map, with keys as they stand in nested observations.</summary>
    private static MsgPackMap Modality(string prefix, IEnumerable<string> keys, int steps)
    {
        string[] names = [.. keys];
        int[] indices = [.. Enumerable.Range(0, steps)];
        var text = new JsonObject { ["delta_indices"] = JsonSerializer.SerializeToNode(indices), ["modality_keys"] = JsonSerializer.SerializeToNode(names.Select(n => prefix + n)) };
        return new MsgPackMap
        {
            ["__ModalityConfig_class__"] = true,
            ["as_json"] = text.ToJsonString(),
            ["as_dict"] = new MsgPackMap { ["delta_indices"] = indices, ["modality_keys"] = names },
        };
    }
}
