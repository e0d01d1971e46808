using System.Text;

namespace Engine.Host.Serving.Recording;

/// <summary>The journal of one episode while it is written. Not thread-safe.</summary>
internal sealed class EpisodeJournal : IDisposable
{
    private readonly FileStream _file;
    private bool _dirty = true;

    /// <summary>Begins a journal.</summary>
    /// <exception cref="IOException">The file is there, or cannot be written.</exception>
    internal EpisodeJournal(string path, JournalLayout layout, string instruction)
    {
        Path = path;
        _file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        Span<byte> header = stackalloc byte[JournalLayout.HeaderBytes];
        layout.WriteHeader(header);
        _file.Write(header);
        byte[] record = new byte[JournalLayout.RecordHead + Encoding.UTF8.GetByteCount(instruction)];
        Encoding.UTF8.GetBytes(instruction, record.AsSpan(JournalLayout.RecordHead));
        JournalLayout.WriteHead(JournalLayout.Instruction, record);
        _file.Write(record);
    }

    /// <summary>The file.</summary>
    internal string Path { get; }

    /// <summary>Appends a step; <paramref name="record"/> is its payload after room for the head.</summary>
    internal void Append(Span<byte> record)
    {
        JournalLayout.WriteHead(JournalLayout.Step, record);
        _file.Write(record);
        _dirty = true;
    }

    /// <summary>Says that the episode has ended, and how.</summary>
    internal void End(bool? success)
    {
        Span<byte> record = stackalloc byte[JournalLayout.RecordHead + 1];
        record[^1] = (byte)(success switch { null => 0, false => 1, true => 2 });
        JournalLayout.WriteHead(JournalLayout.End, record);
        _file.Write(record);
    }

    /// <summary>What was appended survives a failure of power.</summary>
    internal void Sync()
    {
        if (!_dirty) return;
        _file.Flush(flushToDisk: true);
        _dirty = false;
    }

    public void Dispose() => _file.Dispose();
}
