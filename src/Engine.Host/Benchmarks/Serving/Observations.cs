using Engine.Client;
using Engine.Host.Serving;
using Engine.Host.Serving.MsgPack;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>The observation that every line sends: two images of 224×224×3, 8 numbers of state, an instruction.</summary>
internal static class Observations
{
    /// <summary>The instruction.</summary>
    public const string Instruction = "put the red cube in the bowl";

    /// <summary>For the WebSocket.</summary>
    public static MsgPackMap Map(string instruction = Instruction)
    {
        var contract = BuiltInPolicies.DefaultContract;
        var map = new MsgPackMap { ["prompt"] = instruction };
        foreach (var camera in contract.Cameras)
        {
            byte[] image = new byte[camera.Bytes];
            new Random(1).NextBytes(image);
            map["observation/" + camera.Name] = NumpyArray.From(image, camera.Height, camera.Width, 3);
        }

        map["observation/state"] = NumpyArray.From(State(0), contract.StateNames.Length);
        return map;
    }

    /// <summary>Fills in a pipe's record.</summary>
    public static void Fill(PipeClient client)
    {
        client.Instruction = Instruction;
        for (int i = 0; i < client.Layout.Cameras.Count; i++) new Random(1).NextBytes(client.Image(i));
        State(0).CopyTo(client.State);
    }

    /// <summary>A state that begins with some number.</summary>
    public static float[] State(float first) => [first, 1, 2, 3, 4, 5, 6, 7];
}
