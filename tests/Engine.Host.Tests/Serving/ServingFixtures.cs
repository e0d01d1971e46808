using Engine.Host.Serving;
using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Contract;

namespace Engine.Host.Tests.Serving;

/// <summary>A small contract, observations for it, and a policy that does what a test tells it.</summary>
internal static class ServingFixtures
{
    internal static readonly PolicyContract Contract = BuiltInPolicies.DefaultContract with
    {
        Name = "test",
        Cameras = [new CameraSpec("top", 6, 8), new CameraSpec("wrist", 4, 4)],
        ActionHorizon = 3,
        ReplanEvery = 2,
    };

    internal static readonly ServeOptions Options = new() { Port = 0, DrainTimeout = TimeSpan.FromSeconds(30) };

    internal static MsgPackMap Observation(float first = 0.5f) => new()
    {
        ["observation/top"] = NumpyArray.From(new byte[6 * 8 * 3], 6, 8, 3),
        ["observation/wrist"] = NumpyArray.From(new byte[4 * 4 * 3], 4, 4, 3),
        ["observation/state"] = NumpyArray.From([first, 1, 2, 3, 4, 5, 6, 7], 8),
        ["prompt"] = "reach the red cube",
    };

    /// <summary>The value of a gauge, once it is the expected one or half a minute has passed.</summary>
    internal static async Task<long> WithinAsync(Func<long> gauge, long expected)
    {
        for (int i = 0; i < 3000 && gauge() != expected; i++) await Task.Delay(10);
        return gauge();
    }
}

/// <summary>Calls a delegate for every batch.</summary>
internal sealed class ScriptedPolicy(PolicyContract contract, ScriptedPolicy.Script script) : IPolicy
{
    internal delegate void Script(ObservationBatch observations, Span<float> actions, float temperature, ReadOnlySpan<float> uniforms);

    public PolicyContract Contract => contract;

    public void Act(ObservationBatch observations, Span<float> actions, float temperature = 0, ReadOnlySpan<float> uniforms = default) =>
        script(observations, actions, temperature, uniforms);

    public void Dispose()
    {
    }
}
