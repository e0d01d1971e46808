using System.IO.Compression;

namespace Engine.Runtime.Weights;

/// <summary>NumPy's <c>.npz</c> archives: a zip of <c>.npy</c> members. Members with another suffix are ignored.</summary>
public static class Npz
{
    /// <summary>Deflate cannot shrink further than this; a member that claims more is not what it says.</summary>
    private const long MaxRatio = 1040;

    /// <summary>Member times are constant so that the same arrays give the same file.</summary>
    private static readonly DateTimeOffset Epoch = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Reads every array of an archive by name (without <c>.npy</c>).</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file is cut short, corrupt or no archive of plain arrays; the message names it.</exception>
    public static Dictionary<string, NamedArray> Read(string path)
    {
        using FileStream stream = File.OpenRead(path);
        try
        {
            return Read(stream, path);
        }
        catch (InvalidDataException error) when (error.Message.StartsWith(path, StringComparison.Ordinal))
        {
            throw;
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            throw new InvalidDataException($"{path}: this is no whole .npz archive ({error.Message})", error);
        }
    }

    /// <summary>Writes an archive atomically.</summary>
    /// <exception cref="ArgumentException">An array is bfloat16, which NumPy does not know.</exception>
    public static void Write(
        string path, IReadOnlyDictionary<string, NamedArray> arrays, CompressionLevel compression = CompressionLevel.Fastest) =>
        AtomicFile.Write(path, stream => Write(stream, arrays, compression));

    private static void Write(Stream stream, IReadOnlyDictionary<string, NamedArray> arrays, CompressionLevel compression)
    {
        using var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach ((string name, NamedArray array) in arrays)
        {
            ZipArchiveEntry entry = archive.CreateEntry(name + ".npy", compression);
            entry.LastWriteTime = Epoch;
            using Stream member = entry.Open();
            Npy.Write(member, array);
        }
    }

    private static Dictionary<string, NamedArray> Read(Stream stream, string path)
    {
        using var archive = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
        var arrays = new Dictionary<string, NamedArray>();
        foreach (ZipArchiveEntry entry in archive.Entries)
        {
            if (!entry.FullName.EndsWith(".npy", StringComparison.Ordinal)) continue;
            string name = entry.FullName[..^4];
            if (!arrays.TryAdd(name, Read(entry, $"{path} ({name})")))
                throw new InvalidDataException($"{path}: the array '{name}' stands in it twice");
        }

        return arrays;
    }

    private static NamedArray Read(ZipArchiveEntry entry, string name)
    {
        if (entry.Length > (entry.CompressedLength + 1) * MaxRatio)
            throw new InvalidDataException($"{name}: {entry.CompressedLength} bytes cannot hold the {entry.Length} that the archive claims");
        try
        {
            using Stream member = entry.Open();
            using var checkedStream = new Crc32Stream(member);
            NamedArray array = Npy.Read(checkedStream, entry.Length, name);
            if (checkedStream.Checksum != entry.Crc32) throw new InvalidDataException($"{name}: the checksum does not fit, the file is corrupt");
            return array;
        }
        catch (Exception error) when (error is EndOfStreamException
            || (error is InvalidDataException && !error.Message.StartsWith(name, StringComparison.Ordinal)))
        {
            throw new InvalidDataException($"{name}: the data is corrupt or cut short ({error.Message})", error);
        }
    }
}
