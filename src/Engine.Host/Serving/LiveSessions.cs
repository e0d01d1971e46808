using System.Collections.Concurrent;
using System.Text.Json;
using Engine.Host.Reports;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>What the live page shows of open sessions: instruction, last actions, last frames.</summary>
internal sealed class LiveSessions(PolicyContract contract)
{
    private readonly ConcurrentDictionary<long, LiveTrace> _traces = new();

    /// <summary>Begins to watch a session.</summary>
    public LiveTrace Open(long number, ObservationBatch observation, float[] actions) => _traces[number] = new LiveTrace(contract, observation, actions);

    /// <summary>The session has ended.</summary>
    public void Close(long number) => _traces.TryRemove(number, out _);

    /// <summary>
    /// JSON: <c>actions</c> (names), <c>cameras</c>, <c>sessions</c> [{<c>number</c>, <c>instruction</c>, <c>requests</c>, <c>idle_ms</c>, <c>curves</c> [A][n]}]; sessions
    /// that have not asked yet are left out.
    /// </summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(new
    {
        actions = contract.ActionNames,
        cameras = Array.ConvertAll(contract.Cameras, camera => camera.Name),
        sessions = _traces.OrderBy(pair => pair.Key).Where(pair => pair.Value.Requests > 0).Select(pair => new
        {
            number = pair.Key,
            instruction = pair.Value.Instruction,
            requests = pair.Value.Requests,
            idle_ms = Math.Round(pair.Value.Idle.TotalMilliseconds),
            curves = pair.Value.Curves(),
        }).ToArray(),
    });

    /// <summary>A session's last frame of a camera as PNG; null where there is no such session or camera.</summary>
    public byte[]? Frame(long number, string camera)
    {
        var spec = contract.Cameras.FirstOrDefault(c => c.Name == camera);
        if (spec is null || !_traces.TryGetValue(number, out var trace) || trace.Requests == 0) return null;
        return Png.Encode(trace.Image(camera), spec.Width, spec.Height);
    }
}
