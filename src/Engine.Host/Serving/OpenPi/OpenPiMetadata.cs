using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;

namespace Engine.Host.Serving.OpenPi;

/// <summary>The map that a server sends first: what a client needs to know about the policy.</summary>
internal static class OpenPiMetadata
{
    /// <summary>Key of the whole contract, as the JSON text of <c>contract.json</c>.</summary>
    internal const string ContractKey = "contract";

    internal static byte[] ToBytes(PolicyContract contract)
    {
        var cameras = new MsgPackMap();
        foreach (var camera in contract.Cameras) cameras[camera.Name] = new object?[] { (long)camera.Height, (long)camera.Width, 3L };
        return MsgPackWriter.ToBytes(new MsgPackMap
        {
            ["name"] = contract.Name,
            ["action_horizon"] = (long)contract.ActionHorizon,
            ["action_dim"] = (long)contract.ActionNames.Length,
            ["replan_every"] = (long)contract.ReplanEvery,
            ["action_names"] = Array.ConvertAll(contract.ActionNames, n => (object?)n),
            ["state_names"] = Array.ConvertAll(contract.StateNames, n => (object?)n),
            ["cameras"] = cameras,
            ["control_hz"] = contract.Embodiment.ControlHz,
            [ContractKey] = JsonFile.ToText(contract),
        });
    }
}
