using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving.Recording;

/// <summary>
/// The episode that a session is in. It ends with a reset, another instruction, the session, or when it has become too large for memory; one
/// with fewer than two observations is no episode. Not thread-safe: a session has one request at a time.
/// </summary>
internal sealed class SessionRecording(PolicyContract contract, EpisodeRecorder recorder)
{
    private const long MaxBytes = 512L << 20;

    private readonly JournalLayout _layout = new(contract);
    private string _instruction = "";
    private object? _episode;
    private long _bytes;

    /// <summary>Hands an observation and its answer to the recorder, which has them on disk a moment later.</summary>
    public void Add(InferenceRequest request, float[] actions)
    {
        if (recorder.Stopped) return;
        string instruction = request.Observation.Instructions[0];
        if (_episode is not null && (instruction != _instruction || _bytes > MaxBytes)) End(null);
        _episode ??= new object();
        _instruction = instruction;
        int length = JournalLayout.RecordHead + _layout.StepBytes;
        byte[] record = ArrayPool<byte>.Shared.Rent(length);
        var payload = record.AsSpan(JournalLayout.RecordHead, _layout.StepBytes);
        BinaryPrimitives.WriteInt64LittleEndian(payload, (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100);
        BinaryPrimitives.WriteInt64LittleEndian(payload[8..], request.PolicyTime.Ticks * 100);
        payload = payload[16..];
        MemoryMarshal.AsBytes(request.Observation.States.AsSpan()).CopyTo(payload);
        payload = payload[(4 * _layout.State)..];
        MemoryMarshal.AsBytes(actions.AsSpan()).CopyTo(payload);
        payload = payload[(4 * _layout.Chunk)..];
        foreach (var camera in contract.Cameras)
        {
            request.Observation.Images[camera.Name].Span.CopyTo(payload);
            payload = payload[camera.Bytes..];
        }

        _bytes += length;
        recorder.Take(new EpisodeRecorder.Step(_episode, instruction, record, length));
    }

    /// <summary>Ends the episode; <paramref name="success"/> where the client said how it went.</summary>
    public void End(bool? success)
    {
        if (_episode is not null) recorder.Take(new EpisodeRecorder.End(_episode, success));
        _episode = null;
        _bytes = 0;
    }
}
