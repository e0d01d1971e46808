using System.Diagnostics;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving;

/// <summary>
/// The last answers of a session, for people to look at. Written by the session, read by the page meanwhile: a frame may be half of one
/// and half of the next. Frames are copied ten times a second at most. Writing allocates nothing.
/// </summary>
internal sealed class LiveTrace(PolicyContract contract, ObservationBatch observation, float[] actions)
{
    private const int Kept = 128;
    private readonly int _width = contract.ActionNames.Length;
    private readonly float[] _actions = new float[Kept * contract.ActionNames.Length];
    private readonly Dictionary<string, byte[]> _frames = contract.Cameras.ToDictionary(c => c.Name, c => new byte[c.Bytes]);
    private long _requests, _last, _framed;

    public string Instruction => observation.Instructions[0];

    /// <summary>Answers so far.</summary>
    public long Requests => Interlocked.Read(ref _requests);

    /// <summary>Time since the last answer.</summary>
    public TimeSpan Idle => Stopwatch.GetElapsedTime(Interlocked.Read(ref _last));

    /// <summary>The first action of the chunk that was just answered.</summary>
    public void Answered()
    {
        actions.AsSpan(0, _width).CopyTo(_actions.AsSpan((int)(_requests % Kept) * _width));
        long now = Stopwatch.GetTimestamp();
        if (now - _framed > Stopwatch.Frequency / 10)
        {
            _framed = now;
            foreach (var (camera, frame) in _frames) observation.Images[camera].Span.CopyTo(frame);
        }

        Interlocked.Exchange(ref _last, now);
        Interlocked.Increment(ref _requests);
    }

    /// <summary>A camera's last frame, u8 [H, W, 3]; at most a tenth of a second older than the last answer.</summary>
    public ReadOnlySpan<byte> Image(string camera) => _frames[camera];

    /// <summary>The first actions of the last answers, oldest first: [A][n].</summary>
    public float[][] Curves()
    {
        long end = Requests, begin = Math.Max(0, end - Kept);
        return [.. Enumerable.Range(0, _width).Select(i => Enumerable.Range(0, (int)(end - begin)).Select(k => _actions[(begin + k) % Kept * _width + i]).ToArray())];
    }
}
