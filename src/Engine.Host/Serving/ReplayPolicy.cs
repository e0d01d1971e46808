using Engine.Host.Serving.Recording;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>Gives the answers of a recording one after another, from its first to its last and then over again, whatever it is shown.</summary>
public sealed class ReplayPolicy : IPolicy
{
    private readonly float[][] _chunks;
    private readonly Lock _gate = new();
    private int _next;

    /// <summary>Reads the answers of a recording.</summary>
    /// <exception cref="InvalidDataException">The folder holds none, or a damaged one.</exception>
    public ReplayPolicy(string recording)
    {
        var folder = RecordingFolder.Open(recording);
        int length = folder.Contract.ActionHorizon * folder.Contract.ActionNames.Length;
        Contract = folder.Contract with { Name = "replay" };
        _chunks = [.. Enumerable.Range(0, folder.Count).SelectMany(index => folder.Read(index).Chunks.Chunk(length))];
    }

    public PolicyContract Contract { get; }

    public void Act(ObservationBatch observations, Span<float> actions, float temperature = 0f, ReadOnlySpan<float> uniforms = default)
    {
        int chunk = Contract.ActionHorizon * Contract.ActionNames.Length;
        if (actions.Length != observations.Count * chunk)
            throw new ArgumentException($"actions has {actions.Length} numbers, expected {observations.Count}·{chunk}.", nameof(actions));
        lock (_gate)
        {
            for (int i = 0; i < observations.Count; i++)
            {
                _chunks[_next].CopyTo(actions[(i * chunk)..]);
                _next = (_next + 1) % _chunks.Length;
            }
        }
    }

    /// <summary>The next answer is the first one.</summary>
    public void Rewind()
    {
        lock (_gate) _next = 0;
    }

    public void Dispose()
    {
    }
}
