using System.Runtime.InteropServices;

namespace Engine.Client.Interop;

/// <summary>Memory of a sealed memfd, mapped for reading and writing. It can neither shrink nor grow, so touching it never faults, whatever the other side does.</summary>
internal sealed partial class SharedMemoryRegion : SafeHandle
{
    private const uint CloseOnExec = 1, AllowSealing = 2;
    private const int AddSeals = 1033, GetSeals = 1034, Seal = 1, Shrink = 2, Grow = 4;
    private const int ReadWrite = 3, Shared = 1, SeekEnd = 2;

    private readonly nuint _bytes;

    private SharedMemoryRegion(nint address, nuint bytes, int descriptor)
        : base(-1, ownsHandle: true)
    {
        _bytes = bytes;
        Descriptor = descriptor;
        SetHandle(address);
    }

    /// <summary>The memfd; closed with the mapping.</summary>
    internal int Descriptor { get; }

    public override bool IsInvalid => handle == -1;

    /// <summary>All of the memory.</summary>
    internal unsafe byte* Address => (byte*)handle;

    /// <summary>Makes memory of zeros.</summary>
    /// <exception cref="IOException">The system does not give it.</exception>
    internal static SharedMemoryRegion Create(uint bytes)
    {
        int descriptor = memfd_create("engine-ring", CloseOnExec | AllowSealing);
        if (descriptor < 0) throw Failure("memfd_create");
        try
        {
            if (ftruncate(descriptor, bytes) != 0) throw Failure("ftruncate");
            if (fcntl(descriptor, AddSeals, Seal | Shrink | Grow) != 0) throw Failure("F_ADD_SEALS");
            return new SharedMemoryRegion(Map(descriptor, bytes), bytes, descriptor);
        }
        catch
        {
            _ = close(descriptor);
            throw;
        }
    }

    /// <summary>Maps memory whose descriptor came from elsewhere; takes the descriptor over.</summary>
    /// <exception cref="IOException">It is not sealed against shrinking, or of another size.</exception>
    internal static SharedMemoryRegion Open(int descriptor, uint bytes)
    {
        try
        {
            int seals = fcntl(descriptor, GetSeals, 0);
            if (seals < 0 || (seals & Shrink) == 0) throw new IOException("the shared memory is not sealed against shrinking.");
            if (lseek(descriptor, 0, SeekEnd) != bytes) throw new IOException($"the shared memory does not have the {bytes} bytes of the welcome.");
            return new SharedMemoryRegion(Map(descriptor, bytes), bytes, descriptor);
        }
        catch
        {
            _ = close(descriptor);
            throw;
        }
    }

    protected override bool ReleaseHandle()
    {
        bool released = munmap(handle, _bytes) == 0;
        return close(Descriptor) == 0 && released;
    }

    private static nint Map(int descriptor, nuint bytes)
    {
        nint address = mmap(0, bytes, ReadWrite, Shared, descriptor, 0);
        return address != -1 ? address : throw Failure("mmap");
    }

    private static IOException Failure(string call) => new($"{call} failed: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(int descriptor, long length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fcntl(int descriptor, int command, nint argument);

    [LibraryImport("libc", SetLastError = true)]
    private static partial long lseek(int descriptor, long offset, int from);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(nint address, nuint length);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
