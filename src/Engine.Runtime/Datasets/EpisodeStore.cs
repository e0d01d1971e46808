using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Engine.Runtime.Contract;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Datasets;

/// <summary>
/// A data directory: <c>dataset.json</c> (<see cref="DatasetInfo"/>) and <c>episodes/000000.npz</c> … , one file an episode, in the
/// order of collection. Files appear whole or not at all, so an interrupted collection can be resumed. Appending is thread-safe.
/// </summary>
public sealed class EpisodeStore
{
    private const string InfoFile = "dataset.json";
    private const string EpisodeFolder = "episodes";

    private readonly Lock _gate = new();
    private readonly List<string> _files;
    private int _next;

    private EpisodeStore(string directory, DatasetInfo info)
    {
        Directory = directory;
        Info = info;
        string folder = Path.Combine(directory, EpisodeFolder);
        var numbered = new List<(int Number, string Path)>();
        if (System.IO.Directory.Exists(folder))
        {
            foreach (string path in System.IO.Directory.EnumerateFiles(folder, "*.npz"))
            {
                string name = Path.GetFileNameWithoutExtension(path);
                if (name.Length >= 6 && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
                    numbered.Add((number, path));
            }
        }

        numbered.Sort();
        _files = [.. numbered.Select(f => f.Path)];
        _next = numbered.Count == 0 ? 0 : numbered[^1].Number + 1;
    }

    /// <summary>Full path of the data directory.</summary>
    public string Directory { get; }

    /// <summary>What all episodes have in common.</summary>
    public DatasetInfo Info { get; }

    /// <summary>Number of episodes.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _files.Count;
        }
    }

    /// <summary>Begins a data directory, or resumes one that was begun with the same <paramref name="info"/>.</summary>
    /// <exception cref="InvalidDataException">The directory holds something else, or another data set.</exception>
    public static EpisodeStore Create(string directory, DatasetInfo info)
    {
        EpisodeFile.CheckInfo(info, "the data set's description");
        string full = Path.GetFullPath(directory);
        if (File.Exists(full)) throw new InvalidDataException($"{full}: a file is in the way; name a directory for the data");
        string infoPath = Path.Combine(full, InfoFile);
        if (File.Exists(infoPath))
        {
            if (JsonFile.ToText(ReadInfo(infoPath)) != JsonFile.ToText(info))
            {
                throw new InvalidDataException(
                    $"{full}: it holds another data set ({InfoFile} differs from what is being collected); name another directory or remove this one");
            }

            return new EpisodeStore(full, info);
        }

        if (System.IO.Directory.Exists(full) && System.IO.Directory.EnumerateFileSystemEntries(full).Any())
            throw new InvalidDataException($"{full}: it is not empty and holds no data set; name an empty or a new directory");
        System.IO.Directory.CreateDirectory(Path.Combine(full, EpisodeFolder));
        JsonFile.Write(infoPath, info);
        return new EpisodeStore(full, info);
    }

    /// <summary>Opens a data directory for reading (and for appending).</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    /// <exception cref="InvalidDataException">It is no data directory, or holds no episodes.</exception>
    public static EpisodeStore Open(string directory)
    {
        string full = Path.GetFullPath(directory);
        if (!System.IO.Directory.Exists(full))
            throw new DirectoryNotFoundException($"{full}: there is no such directory; collect data into it first");
        string infoPath = Path.Combine(full, InfoFile);
        if (!File.Exists(infoPath)) throw new InvalidDataException($"{full}: it holds no {InfoFile}, so it is no data directory");
        var store = new EpisodeStore(full, ReadInfo(infoPath));
        return store.Count > 0 ? store : throw new InvalidDataException($"{full}: it holds no episodes; collect some first");
    }

    /// <summary>Writes one more episode; returns its index.</summary>
    /// <exception cref="ArgumentException">Its shapes do not fit <see cref="Info"/>; the message says where.</exception>
    public int Append(Episode episode)
    {
        EpisodeFile.CheckShapes(episode, Info);
        int number;
        lock (_gate) number = _next++;
        string path = Path.Combine(Directory, EpisodeFolder, string.Create(CultureInfo.InvariantCulture, $"{number:000000}.npz"));
        EpisodeFile.Write(path, episode, Info);
        lock (_gate)
        {
            int at = _files.BinarySearch(path, StringComparer.Ordinal);
            _files.Insert(~at, path);
            return ~at;
        }
    }

    /// <summary>Reads episode <paramref name="index"/> in the order of collection.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    /// <exception cref="InvalidDataException">The file is cut short, corrupt or of another shape; the message names it and what to do.</exception>
    public Episode Read(int index) => EpisodeFile.Read(PathOf(index), Info);

    /// <summary>Full path of the file of episode <paramref name="index"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    public string PathOf(int index)
    {
        lock (_gate)
        {
            if ((uint)index >= (uint)_files.Count)
                throw new ArgumentOutOfRangeException(nameof(index), index, $"the data set holds {_files.Count} episodes");
            return _files[index];
        }
    }

    /// <summary>Reads all episodes in order, decoding on all processors.</summary>
    /// <exception cref="InvalidDataException">A file is corrupt; the message names it and what to do.</exception>
    public Episode[] ReadAll(IProgressReporter progress, CancellationToken cancellation = default)
    {
        var episodes = new Episode[Count];
        using IProgressTask task = progress.Begin("reading episodes", episodes.Length, "episodes");
        ForEach(episodes.Length, cancellation, i =>
        {
            episodes[i] = Read(i);
            lock (task) task.Advance();
        });
        return episodes;
    }

    /// <summary>
    /// SHA-256 (lower-case hexadecimal) over <see cref="Info"/> and the contents of all episodes in order; compression and file times
    /// do not matter.
    /// </summary>
    /// <exception cref="InvalidDataException">A file is corrupt; the message names it and what to do.</exception>
    public string ContentHash(CancellationToken cancellation = default)
    {
        var hashes = new byte[Count][];
        ForEach(hashes.Length, cancellation, i => hashes[i] = EpisodeFile.ContentHash(PathOf(i)));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(JsonFile.ToText(Info)));
        foreach (byte[] episode in hashes) hash.AppendData(episode);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static DatasetInfo ReadInfo(string path)
    {
        var info = JsonFile.Read<DatasetInfo>(path);
        EpisodeFile.CheckInfo(info, path);
        return info;
    }

    /// <summary>Runs in parallel; the first failure comes out as itself, not wrapped.</summary>
    private static void ForEach(int count, CancellationToken cancellation, Action<int> work)
    {
        var options = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellation };
        try
        {
            Parallel.For(0, count, options, work);
        }
        catch (AggregateException errors)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(errors.InnerExceptions[0]);
        }
    }
}
