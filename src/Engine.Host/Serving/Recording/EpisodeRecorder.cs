using System.Buffers;
using System.Globalization;
using System.Threading.Channels;

namespace Engine.Host.Serving.Recording;

/// <summary>
/// Records what sessions see and are answered. Sessions only copy. One thread appends every step to its episode's journal as it comes and has the
/// journals on the disk itself once a second; another turns the journals of ended episodes into episodes. Where the disk fails or is slower
/// than the robots, recording stops with a message and serving goes on. Journals that are left are turned into episodes the next time the folder is opened.
/// </summary>
internal sealed class EpisodeRecorder : IAsyncDisposable
{
    /// <summary>Bytes of steps that may wait for the disk.</summary>
    private const long MaxWaiting = 1L << 30;

    private static readonly TimeSpan s_sync = TimeSpan.FromSeconds(1);

    private readonly Channel<Entry> _entries = Channel.CreateUnbounded<Entry>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Channel<string> _ended = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private readonly Dictionary<object, EpisodeJournal> _journals = [];
    private readonly RecordingFolder _folder;
    private readonly Action<string>? _log;
    private readonly JournalLayout _layout;
    private readonly Task _writing;
    private readonly Task _converting;
    private readonly Timer _timer;
    private long _waiting;
    private long _number;
    private volatile bool _stopped;

    public EpisodeRecorder(RecordingFolder folder, Action<string>? log)
    {
        (_folder, _log) = (folder, log);
        _layout = new JournalLayout(folder.Contract);
        _writing = Task.Run(WriteAsync);
        _converting = Task.Run(ConvertAsync);
        _timer = new Timer(_ => _entries.Writer.TryWrite(new Sync()), null, s_sync, s_sync);
    }

    /// <summary>Episodes written.</summary>
    public int Episodes => _folder.Count;

    /// <summary>Nothing is recorded any more.</summary>
    public bool Stopped => _stopped;

    /// <summary>A session's recording; null once recording has stopped.</summary>
    public SessionRecording? Open() => _stopped ? null : new SessionRecording(_folder.Contract, this);

    /// <summary>Takes a step, or the end of an episode.</summary>
    internal void Take(Entry entry)
    {
        if (_stopped) return;
        long bytes = entry is Step step ? step.Length : 0;
        if (Interlocked.Add(ref _waiting, bytes) > MaxWaiting) Stop("the disk is slower than the robots");
        else _entries.Writer.TryWrite(entry);
    }

    /// <summary>Writes what waits, ends what is open, then ends.</summary>
    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync().ConfigureAwait(false);
        _entries.Writer.TryComplete();
        await _writing.ConfigureAwait(false);
        await _converting.ConfigureAwait(false);
        _folder.Dispose();
    }

    private void Stop(string why)
    {
        if (_stopped) return;
        _stopped = true;
        _entries.Writer.TryComplete();
        _log?.Invoke($"recording has stopped: {why}; {Episodes} episodes are in {_folder.Directory}, and what was written of others becomes episodes when it is opened again; serving goes on");
    }

    private async Task WriteAsync()
    {
        try
        {
            await foreach (var entry in _entries.Reader.ReadAllAsync().ConfigureAwait(false))
            {
                if (!_stopped) Write(entry);
                if (entry is Step step) ArrayPool<byte>.Shared.Return(step.Record);
            }

            if (_stopped) return;
            foreach (object episode in _journals.Keys.ToArray()) Write(new End(episode, null));
        }
        catch (Exception error)
        {
            // Whatever it is (a file that may grow no further comes as ArgumentOutOfRangeException): nobody else would say that nothing is recorded any more.
            Stop(error.Message);
        }
        finally
        {
            foreach (var journal in _journals.Values) journal.Dispose();
            _ended.Writer.TryComplete();
        }
    }

    private void Write(Entry entry)
    {
        switch (entry)
        {
            case Step step:
                if (!_journals.TryGetValue(step.Episode, out var journal))
                {
                    string name = string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}-{DateTime.UtcNow.Ticks:x}-{_number++}{RecordingFolder.JournalExtension}");
                    _journals[step.Episode] = journal = new EpisodeJournal(Path.Combine(_folder.Journals, name), _layout, step.Instruction);
                }

                journal.Append(step.Record.AsSpan(0, step.Length));
                Interlocked.Add(ref _waiting, -step.Length);
                break;
            case End end when _journals.Remove(end.Episode, out var ended):
                using (ended)
                {
                    ended.End(end.Success);
                    ended.Sync();
                }

                _ended.Writer.TryWrite(ended.Path);
                break;
            case Sync:
                foreach (var open in _journals.Values) open.Sync();
                break;
        }
    }

    private async Task ConvertAsync()
    {
        await foreach (string journal in _ended.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                _folder.Convert(journal);
            }
            catch (Exception error)
            {
                Stop(error.Message);
                return;
            }
        }
    }

    /// <summary>What sessions hand over.</summary>
    internal abstract record Entry;

    /// <summary>A step: <paramref name="Length"/> bytes of a rented <paramref name="Record"/>, the payload after room for its head.</summary>
    internal sealed record Step(object Episode, string Instruction, byte[] Record, int Length) : Entry;

    /// <summary>The end of an episode.</summary>
    internal sealed record End(object Episode, bool? Success) : Entry;

    /// <summary>Have everything on the disk.</summary>
    private sealed record Sync : Entry;
}
