using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Engine.Host.Serving.Pipes.Interop;

/// <summary>The file of a Unix-domain socket: binding it so that only its owner can connect, replacing one that nobody listens on.</summary>
internal static partial class SocketFile
{
    private const int CurrentFolder = -100, NoFollow = 0x100, AskType = 1, TypeMask = 0xF000, SocketType = 0xC000;
    private const int MostPathBytes = 107;

    /// <summary>Listens on a path with mode 0600.</summary>
    /// <exception cref="IOException">Another server listens there, something else than a socket is there, the path is too long, or the folder does not allow it.</exception>
    internal static Socket Listen(string path, int backlog)
    {
        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes > MostPathBytes) throw new IOException($"{path}: the path of a Unix-domain socket has at most {MostPathBytes} bytes, this one has {bytes}.");
        RemoveStale(path);
        var socket = new Socket(AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // Between bind and listen every connect is refused: nobody slips in before the mode is set.
            socket.Bind(new UnixDomainSocketEndPoint(path));
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            socket.Listen(backlog);
            return socket;
        }
        catch (Exception error) when (error is SocketException or UnauthorizedAccessException)
        {
            socket.Dispose();
            throw new IOException($"{path}: cannot listen there: {error.Message}", error);
        }
    }

    private static void RemoveStale(string path)
    {
        if (!IsSocket(path, out bool exists))
        {
            if (exists) throw new IOException($"{path} is there and is no socket; name another path for --unix.");
            return;
        }

        using (var probe = new Socket(AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, ProtocolType.Unspecified))
        {
            try
            {
                probe.Connect(new UnixDomainSocketEndPoint(path));
                throw new IOException($"{path}: another server listens there; stop it, or name another path for --unix.");
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionRefused)
            {
                // Its server is gone.
            }
            catch (SocketException error)
            {
                throw new IOException($"{path}: cannot tell whether somebody listens there: {error.Message}", error);
            }
        }

        File.Delete(path);
    }

    private static bool IsSocket(string path, out bool exists)
    {
        if (!OperatingSystem.IsLinux())
        {
            exists = File.Exists(path);
            return false;
        }

        Span<byte> status = stackalloc byte[256];
        exists = statx(CurrentFolder, path, NoFollow, AskType, status) == 0;
        return exists && (BinaryPrimitives.ReadUInt16LittleEndian(status[28..]) & TypeMask) == SocketType;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int statx(int folder, string path, int flags, uint mask, Span<byte> status);
}
