using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// Compiled kernels on disk, each under a key of everything that it was made from. A file appears whole or not at all and carries its own checksum beside
/// it; one that is damaged is made again.
/// </summary>
public sealed class CudaCache
{
    private readonly string _folder;

    /// <param name="folder">Where; made at the first entry.</param>
    public CudaCache(string folder) => _folder = folder;

    /// <summary><c>$ENGINE_CACHE/cuda</c>, or <c>$XDG_CACHE_HOME/engine/cuda</c>, or <c>~/.cache/engine/cuda</c>.</summary>
    public static string DefaultFolder
    {
        get
        {
            if (Environment.GetEnvironmentVariable("ENGINE_CACHE") is { Length: > 0 } own) return Path.Combine(own, "cuda");
            string? caches = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            if (string.IsNullOrEmpty(caches)) caches = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
            return Path.Combine(caches, "engine", "cuda");
        }
    }

    /// <summary>The key of parts in an order that is always the same.</summary>
    public static string Key(IEnumerable<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string part in parts)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Names and texts of all headers, for a key.</summary>
    public static IEnumerable<string> HeaderTexts() => CudaSources.Headers.OrderBy(header => header.Key, StringComparer.Ordinal).SelectMany(header => new[] { header.Key, header.Value });

    /// <summary>The file of an entry; made by <paramref name="make"/>, which writes to the path that it is given, when it is absent or damaged.</summary>
    public string PathOf(string key, string extension, Action<string> make)
    {
        string path = Path.Combine(_folder, key + extension), sum = path + ".sha256";
        if (IsWhole(path, sum)) return path;
        Directory.CreateDirectory(_folder);
        string temporary = Path.Combine(_folder, $".{key}.{Environment.ProcessId}.{Guid.NewGuid():N}{extension}");
        try
        {
            make(temporary);
            string digest = Digest(temporary);
            Flush(temporary);
            // The checksum goes first: between the two renames the entry counts as damaged, never as good.
            string temporarySum = temporary + ".sha256";
            File.WriteAllText(temporarySum, digest);
            Flush(temporarySum);
            File.Move(temporarySum, sum, overwrite: true);
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }

        return path;
    }

    /// <summary>Number of entries and their bytes.</summary>
    public (int Count, long Bytes) Measure()
    {
        if (!Directory.Exists(_folder)) return (0, 0);
        FileInfo[] files = [.. new DirectoryInfo(_folder).EnumerateFiles().Where(file => file.Extension is ".cubin" or ".ptx" or ".so" && file.Name[0] != '.')];
        return (files.Length, files.Sum(file => file.Length));
    }

    private static bool IsWhole(string path, string sum)
    {
        try
        {
            return File.Exists(path) && File.Exists(sum) && File.ReadAllText(sum) == Digest(path);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static string Digest(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static void Flush(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(file);
    }
}
