using System.Runtime.InteropServices;

namespace Engine.Training.Interop;

/// <summary>Makes renames inside a folder durable: what <c>fsync</c> on a directory does and the base class library cannot.</summary>
internal static partial class DirectorySync
{
    private const int DirectoryReadOnly = 0x10000 | 0x80000; // O_RDONLY | O_DIRECTORY | O_CLOEXEC of Linux.

    /// <summary>Flushes the entries of a folder to the disk. File systems that refuse it (some network ones) are left to themselves.</summary>
    /// <exception cref="IOException">The folder cannot be opened.</exception>
    public static void Flush(string folder)
    {
        if (!OperatingSystem.IsLinux()) return;
        int descriptor = open(folder, DirectoryReadOnly);
        if (descriptor < 0) throw new IOException($"{folder} cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}");
        _ = fsync(descriptor);
        _ = close(descriptor);
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fsync(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int descriptor);
}
