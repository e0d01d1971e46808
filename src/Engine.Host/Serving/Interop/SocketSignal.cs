using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Engine.Host.Serving.Interop;

/// <summary>Lets a thread sleep until its socket has something to read or another thread has called <see cref="Set"/> (eventfd and poll of Linux).</summary>
internal sealed unsafe partial class SocketSignal : IDisposable
{
    private const int CloseOnExec = 0x80000, NonBlocking = 0x800;
    private const short Readable = 1;

    private readonly SafeFileHandle _event;

    private SocketSignal(int descriptor) => _event = new SafeFileHandle(descriptor, ownsHandle: true);

    /// <summary>A signal; null where the system has none.</summary>
    internal static SocketSignal? TryCreate()
    {
        if (!OperatingSystem.IsLinux()) return null;
        int descriptor = eventfd(0, CloseOnExec | NonBlocking);
        return descriptor < 0 ? null : new SocketSignal(descriptor);
    }

    /// <summary>Wakes the thread that waits, or the next that will. May be called at any time, also after the end.</summary>
    internal void Set()
    {
        try
        {
            ulong one = 1;
            _ = write(_event, &one, sizeof(ulong));
        }
        catch (ObjectDisposedException)
        {
            // Nobody waits any more.
        }
    }

    /// <summary>Sleeps; true where the socket has something to read, or has ended. May return early.</summary>
    /// <exception cref="ObjectDisposedException">The socket is closed.</exception>
    internal bool Wait(Socket socket)
    {
        var handle = socket.SafeHandle;
        bool added = false;
        try
        {
            handle.DangerousAddRef(ref added);
            PollEntry* entries = stackalloc PollEntry[2];
            entries[0] = new PollEntry { Descriptor = (int)handle.DangerousGetHandle(), Wanted = Readable, Got = 0 };
            entries[1] = new PollEntry { Descriptor = (int)_event.DangerousGetHandle(), Wanted = Readable, Got = 0 };
            if (poll(entries, 2, -1) <= 0) return false;
            if (entries[1].Got != 0)
            {
                ulong count;
                _ = read(_event, &count, sizeof(ulong));
            }

            return entries[0].Got != 0;
        }
        finally
        {
            if (added) handle.DangerousRelease();
        }
    }

    public void Dispose() => _event.Dispose();

    [LibraryImport("libc")]
    private static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc")]
    private static partial int poll(PollEntry* entries, nuint count, int milliseconds);

    [LibraryImport("libc")]
    private static partial nint read(SafeFileHandle descriptor, void* bytes, nuint count);

    [LibraryImport("libc")]
    private static partial nint write(SafeFileHandle descriptor, void* bytes, nuint count);

    private struct PollEntry
    {
        public int Descriptor;
        public short Wanted;
        public short Got;
    }
}
