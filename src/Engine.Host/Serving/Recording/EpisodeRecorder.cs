using System.Threading.Channels;
using Engine.Runtime.Contract;

namespace Engine.Host.Serving.Recording;

/// <summary>
/// Records what sessions see and are answered. Sessions only copy; one thread writes, an episode when it has ended. Where the disk fails or
/// is slower than the robots, recording stops with a message and serving goes on.
/// </summary>
internal sealed class EpisodeRecorder : IAsyncDisposable
{
    /// <summary>Bytes of ended episodes that may wait for the disk.</summary>
    private const long MaxWaiting = 2L << 30;

    private readonly Channel<SessionRecording.Ended> _ended = Channel.CreateUnbounded<SessionRecording.Ended>(new UnboundedChannelOptions { SingleReader = true });
    private readonly RecordingFolder _folder;
    private readonly Action<string>? _log;
    private readonly Task _writing;
    private long _waiting;
    private volatile bool _stopped;

    public EpisodeRecorder(RecordingFolder folder, Action<string>? log)
    {
        (_folder, _log) = (folder, log);
        _writing = Task.Run(WriteAsync);
    }

    /// <summary>Episodes written.</summary>
    public int Episodes => _folder.Count;

    /// <summary>A session's recording; null once recording has stopped.</summary>
    public SessionRecording? Open() => _stopped ? null : new SessionRecording(_folder.Contract, this);

    /// <summary>Takes an episode that has ended.</summary>
    internal void Take(SessionRecording.Ended episode)
    {
        if (_stopped) return;
        if (Interlocked.Add(ref _waiting, episode.Bytes) > MaxWaiting) Stop("the disk is slower than the robots");
        else _ended.Writer.TryWrite(episode);
    }

    /// <summary>Writes what waits, then ends.</summary>
    public async ValueTask DisposeAsync()
    {
        _ended.Writer.TryComplete();
        await _writing.ConfigureAwait(false);
    }

    private void Stop(string why)
    {
        if (_stopped) return;
        _stopped = true;
        _ended.Writer.TryComplete();
        _log?.Invoke($"recording has stopped: {why}; {Episodes} episodes are in {_folder.Directory}; serving goes on");
    }

    private async Task WriteAsync()
    {
        await foreach (var ended in _ended.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                _folder.Append(ended.ToEpisode(), ended.Chunks, ended.Received, ended.Policy);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
            {
                Stop(error.Message);
                return;
            }

            Interlocked.Add(ref _waiting, -ended.Bytes);
        }
    }
}
