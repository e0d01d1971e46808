using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;
using Engine.Runtime.Weights;

namespace Engine.Host.Serving.Recording;

/// <summary>
/// Served episodes as a data directory (<see cref="EpisodeStore"/>: what <c>train --data</c> and <c>data show</c> read), with what serving
/// knows besides in <c>served/</c>, one npz an episode under the same number: <c>chunk</c> f32 [T + 1, H, A] (every answer whole),
/// <c>received_ns</c> int64 [T + 1] (Unix time of the answer), <c>policy_ns</c> int64 [T + 1]; and <c>recording.json</c>. <c>journal/</c> holds the
/// episodes in progress (<see cref="JournalLayout"/>); those of a server that was killed become episodes when the folder is opened.
/// </summary>
internal sealed class RecordingFolder : IDisposable
{
    /// <summary>How journals' names end.</summary>
    internal const string JournalExtension = ".journal";

    private const string Description = "recording.json", Served = "served", Journal = "journal";
    private readonly EpisodeStore _store;
    private FileStream? _lock;

    private RecordingFolder(EpisodeStore store, PolicyContract contract) => (_store, Contract) = (store, contract);

    /// <summary>What the policy that was served expects and gives.</summary>
    public PolicyContract Contract { get; }

    /// <summary>Number of episodes.</summary>
    public int Count => _store.Count;

    /// <summary>Full path.</summary>
    public string Directory => _store.Directory;

    /// <summary>Where journals are.</summary>
    internal string Journals => Path.Combine(Directory, Journal);

    /// <summary>Episodes that were made of a dead server's journals when the folder was opened.</summary>
    public int Recovered { get; private set; }

    /// <summary>What a recording says of itself.</summary>
    /// <param name="Contract">Of the policy.</param>
    /// <param name="Policy">The policy's name, or its folder.</param>
    /// <param name="PolicySha256">Of its graph; empty for a built-in one.</param>
    /// <param name="Temperature">Sampling temperature of the server.</param>
    /// <param name="Seed">Seed of the sampling.</param>
    internal sealed record About(PolicyContract Contract, string Policy, string PolicySha256, float Temperature, ulong Seed);

    /// <summary>Begins a recording, or adds to one of the same policy and settings.</summary>
    /// <exception cref="InvalidDataException">The folder holds something else, or another server is recording into it.</exception>
    public static RecordingFolder Create(string directory, About about)
    {
        var contract = about.Contract;
        string file = Path.Combine(directory, Description);
        if (File.Exists(file) && JsonFile.ToText(JsonFile.Read<About>(file)) != JsonFile.ToText(about))
            throw new InvalidDataException($"{directory} holds a recording of another policy or of other settings; name another folder with --record.");
        var store = EpisodeStore.Create(directory, Info(contract));
        System.IO.Directory.CreateDirectory(Path.Combine(store.Directory, Served));
        JsonFile.Write(file, about);
        var folder = new RecordingFolder(store, contract);
        System.IO.Directory.CreateDirectory(folder.Journals);
        folder._lock = folder.TryLock() ?? throw new InvalidDataException($"another server is recording into {directory}; name another folder with --record.");
        folder.Recover();
        return folder;
    }

    /// <summary>Opens a recording.</summary>
    /// <exception cref="InvalidDataException">The folder holds none, or no episodes.</exception>
    public static RecordingFolder Open(string directory)
    {
        string file = Path.Combine(directory, Description);
        if (!File.Exists(file)) throw new InvalidDataException($"{directory} holds no recording: it has no {Description}. engine serve --record writes one.");
        var contract = JsonFile.Read<About>(file).Contract;
        var folder = new RecordingFolder(EpisodeStore.Create(directory, Info(contract)), contract);
        using (var free = System.IO.Directory.Exists(folder.Journals) ? folder.TryLock() : null)
        {
            // While a server records, its journals are its own.
            if (free is not null) folder.Recover();
        }

        return folder.Count > 0 ? folder : throw new InvalidDataException($"{directory} holds no episodes yet.");
    }

    /// <summary>
    /// Turns an ended journal into an episode and deletes it; one too short for an episode is deleted too, one that cannot be read is put aside.
    /// Gives whether there was an episode.
    /// </summary>
    /// <exception cref="IOException">The disk fails.</exception>
    internal bool Convert(string journal)
    {
        var recorded = JournalReader.Read(journal, Contract);
        if (recorded is not null) Append(recorded);
        else if (new FileInfo(journal).Length > 2 * new JournalLayout(Contract).StepBytes) File.Copy(journal, journal + ".unreadable", overwrite: true);
        File.Delete(journal);
        return recorded is not null;
    }

    private static DatasetInfo Info(PolicyContract contract) => new()
    {
        Source = "served",
        Cameras = contract.Cameras,
        StateNames = contract.StateNames,
        ActionNames = contract.ActionNames,
        Embodiment = contract.Embodiment,
    };

    /// <summary>Makes episodes of the journals that nobody writes to any more. One that was turned into an episode just before the end is not turned into a second.</summary>
    private void Recover()
    {
        foreach (string journal in System.IO.Directory.GetFiles(Journals, "*" + JournalExtension).Order(StringComparer.Ordinal))
        {
            if (JournalReader.Read(journal, Contract) is { } recorded && Find(recorded) is { } index)
            {
                WriteServed(index, recorded);
                File.Delete(journal);
            }
            else if (Convert(journal))
            {
                Recovered++;
            }
        }
    }

    /// <summary>The right to write here, which ends with the process at the latest; null while another has it.</summary>
    private FileStream? TryLock()
    {
        try
        {
            return new FileStream(Path.Combine(Journals, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The episode that a journal has become; null for none.</summary>
    private int? Find(RecordedEpisode recorded)
    {
        for (int index = Count - 1; index >= 0; index--)
        {
            string file = PathOfServed(index);
            long first = File.Exists(file) && Npz.Read(file).TryGetValue("received_ns", out var times) ? times.As<long>()[0] : (long)_store.Read(index).Seed;
            if (first == recorded.Received[0]) return index;
        }

        return null;
    }

    /// <summary>Writes an episode, which makes it count, then what serving knows besides.</summary>
    private void Append(RecordedEpisode recorded) => WriteServed(_store.Append(recorded.ToEpisode()), recorded);

    private void WriteServed(int index, RecordedEpisode recorded)
    {
        int horizon = Contract.ActionHorizon, width = Contract.ActionNames.Length, count = recorded.Received.Length;
        Npz.Write(PathOfServed(index), new Dictionary<string, NamedArray>
        {
            ["chunk"] = NamedArray.FromFloat32(recorded.Chunks, count, horizon, width),
            ["received_ns"] = NamedArray.FromInt64(recorded.Received, count),
            ["policy_ns"] = NamedArray.FromInt64(recorded.Policy, count),
        });
    }

    private string PathOfServed(int index) => Path.Combine(Directory, Served, Path.GetFileName(_store.PathOf(index)));

    /// <summary>Lets others record here.</summary>
    public void Dispose() => _lock?.Dispose();

    /// <summary>Reads an episode and the chunks [T + 1, H, A] that were answered.</summary>
    /// <exception cref="InvalidDataException">A file is missing or corrupt; the message names it.</exception>
    public (Episode Episode, float[] Chunks) Read(int index)
    {
        var episode = _store.Read(index);
        string file = PathOfServed(index);
        if (!File.Exists(file)) throw new InvalidDataException($"{file} is missing; delete episode {index}, or copy the recording again.");
        long[] shape = [episode.Length + 1, Contract.ActionHorizon, Contract.ActionNames.Length];
        if (!Npz.Read(file).TryGetValue("chunk", out var chunks) || !chunks.Shape.AsSpan().SequenceEqual(shape))
            throw new InvalidDataException($"{file} has no chunk of [{string.Join(", ", shape)}]; it belongs to another episode.");
        return (episode, chunks.ToFloat32());
    }
}
