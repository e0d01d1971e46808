using System.Net.Sockets;
using System.Text;
using Engine.Client.Interop;

namespace Engine.Client;

public sealed partial class PipeClient
{
    private const int MaxWelcomeBytes = 4 << 20;

    private PipeClient(Socket socket, PipeClientOptions options, bool sameClock)
    {
        _socket = socket;
        _options = options;
        byte[] token = Encoding.UTF8.GetBytes(options.Token ?? "");
        byte[] wishes = PipeHello.ToBytes(options.SharedMemory, options.SpinMicroseconds, token);
        byte[] hello = new byte[PipeHeader.Size + wishes.Length];
        ulong sent = MonotonicClock.Nanoseconds;
        new PipeHeader { Kind = PipeKind.Hello, Length = (uint)wishes.Length, Time = sent }.Write(hello);
        wishes.CopyTo(hello, PipeHeader.Size);
        SendAll(socket, hello);

        byte[] head = new byte[PipeHeader.Size];
        int descriptor = -1, received = options.SharedMemory ? DescriptorPassing.Receive(socket, head, out descriptor) : 0;
        SharedMemoryRegion? memory = null;
        try
        {
            if (received < head.Length) ReceiveAll(socket, head.AsSpan(received));
            var header = ReadHeader(head);
            ulong now = MonotonicClock.Nanoseconds;
            if (header.Length > MaxWelcomeBytes) throw new InvalidDataException($"the server announces a welcome of {header.Length} bytes.");
            byte[] payload = new byte[header.Length];
            ReceiveAll(socket, payload);
            if (header.Kind == PipeKind.Error) throw new PipeServerException(header.Code, Encoding.UTF8.GetString(payload));
            if (header.Kind != PipeKind.Welcome) throw new InvalidDataException($"the server sent {header.Kind} where a welcome was due.");
            Layout = PipeLayout.FromWelcome(payload, out uint ringBytes, out string contract);
            Contract = contract;
            Session = header.Session;
            if (!sameClock && (header.Time < sent || header.Time > now)) _clockOffset = (long)(header.Time - (sent + (now - sent) / 2));
            if (options.SharedMemory)
            {
                var ring = RingLayout.For(Layout);
                if (descriptor < 0 || ring.Bytes != ringBytes) throw new InvalidDataException("the server did not send the shared memory that it promised.");
                int taken = descriptor;
                descriptor = -1;
                memory = SharedMemoryRegion.Open(taken, ringBytes);
                _ring = new RingClient(memory, ring, Layout, options.SpinMicroseconds, socket);
            }
        }
        catch
        {
            memory?.Dispose();
            if (descriptor >= 0) new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: true).Dispose();
            throw;
        }

        _frame = _ring is null ? new byte[PipeHeader.Size + Layout.ObservationBytes] : [];

        // An observation that does not fit is sent in parts, each of which waits for the server to be woken and to read the one before.
        if (_frame.Length > socket.SendBufferSize) socket.SendBufferSize = _frame.Length;
        _reply = new byte[Math.Max(Layout.ActionsBytes, RingLayout.MaxErrorBytes)];
        _actions = new float[Layout.Horizon * Layout.ActionWidth];
    }

    /// <summary>Connects to a server's Unix-domain socket (<c>engine serve --unix path</c>).</summary>
    /// <exception cref="SocketException">Nobody listens there.</exception>
    /// <exception cref="PipeServerException">The server refused.</exception>
    /// <exception cref="PlatformNotSupportedException">Shared memory is asked for on another system than 64-bit Linux.</exception>
    public static PipeClient ConnectUnix(string path, PipeClientOptions? options = null)
    {
        options ??= new PipeClientOptions();
        if (options.SharedMemory && !(OperatingSystem.IsLinux() && Environment.Is64BitProcess))
            throw new PlatformNotSupportedException("shared memory needs 64-bit Linux; connect without it.");
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        return Connect(socket, s => s.Connect(new UnixDomainSocketEndPoint(path)), options, sameClock: true);
    }

    /// <summary>Connects to a server's TCP pipe (<c>engine serve --pipe-port n</c>).</summary>
    /// <exception cref="SocketException">Nobody listens there.</exception>
    /// <exception cref="PipeServerException">The server refused.</exception>
    /// <exception cref="ArgumentException">Shared memory is asked for.</exception>
    public static PipeClient ConnectTcp(string host, int port, PipeClientOptions? options = null)
    {
        options ??= new PipeClientOptions();
        if (options.SharedMemory) throw new ArgumentException("shared memory needs the Unix-domain socket; use ConnectUnix.", nameof(options));
        return Connect(new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true }, s => s.Connect(host, port), options, sameClock: false);
    }

    private static PipeClient Connect(Socket socket, Action<Socket> connect, PipeClientOptions options, bool sameClock)
    {
        try
        {
            if (options.SpinMicroseconds is < 0 or > PipeHello.MaxSpinMicroseconds)
                throw new ArgumentOutOfRangeException(nameof(options), options.SpinMicroseconds, $"expected a spin of 0 to {PipeHello.MaxSpinMicroseconds} µs");
            socket.SendTimeout = socket.ReceiveTimeout = Math.Max(1, (int)Math.Min(options.Timeout.TotalMilliseconds, int.MaxValue));
            connect(socket);
            return new PipeClient(socket, options, sameClock);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static PipeHeader ReadHeader(ReadOnlySpan<byte> bytes)
    {
        var fault = PipeHeader.Read(bytes, out var header);
        return fault == PipeHeaderFault.None ? header : throw new IOException($"the server sent a damaged header ({fault}).");
    }

    private static PipeHeader ReceiveFrame(Socket socket, byte[] payload)
    {
        Span<byte> head = stackalloc byte[PipeHeader.Size];
        ReceiveAll(socket, head);
        var header = ReadHeader(head);
        if (header.Length > payload.Length) throw new IOException($"the server announces {header.Length} bytes, more than the contract allows.");
        ReceiveAll(socket, payload.AsSpan(0, (int)header.Length));
        return header;
    }

    private static void SendAll(Socket socket, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[socket.Send(bytes)..];
    }

    private static void ReceiveAll(Socket socket, Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int received = socket.Receive(bytes);
            if (received == 0) throw new IOException("the server closed the connection.");
            bytes = bytes[received..];
        }
    }
}
