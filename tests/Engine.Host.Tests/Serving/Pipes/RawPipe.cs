using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Engine.Client;
using Engine.Client.Interop;
using Engine.Host.Serving;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Pipes;

/// <summary>A pipe's client that sends whatever bytes a test wants.</summary>
internal sealed class RawPipe : IDisposable
{
    private RawPipe(Socket socket) => Socket = socket;

    internal Socket Socket { get; }

    internal ulong Session { get; private set; }

    internal ulong Sequence { get; set; }

    internal PipeLayout Layout { get; private set; } = null!;

    /// <summary>The ring's memory, after <see cref="HelloWithRing"/>.</summary>
    internal SharedMemoryRegion? Memory { get; private set; }

    internal static RawPipe Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 60_000 };
        socket.Connect(new UnixDomainSocketEndPoint(path));
        return new RawPipe(socket);
    }

    internal static RawPipe Connect(int port)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 60_000 };
        socket.Connect(IPAddress.Loopback, port);
        return new RawPipe(socket);
    }

    internal static byte[] HelloFrame(string token = "", bool ring = false)
    {
        byte[] wishes = PipeHello.ToBytes(ring, 0, Encoding.UTF8.GetBytes(token));
        return Frame(new PipeHeader { Kind = PipeKind.Hello, Length = (uint)wishes.Length }, wishes);
    }

    internal static byte[] Frame(PipeHeader header, ReadOnlySpan<byte> payload)
    {
        byte[] frame = new byte[PipeHeader.Size + payload.Length];
        header.Write(frame);
        payload.CopyTo(frame.AsSpan(PipeHeader.Size));
        return frame;
    }

    internal RawPipe Hello()
    {
        Send(HelloFrame());
        Take(Receive());
        return this;
    }

    internal RawPipe HelloWithRing()
    {
        Send(HelloFrame(ring: true));
        byte[] head = new byte[PipeHeader.Size];
        Assert.Equal(head.Length, DescriptorPassing.Receive(Socket, head, out int descriptor));
        Assert.True(descriptor >= 0);
        var (header, payload) = Receive(head);
        Take((header, payload));
        PipeLayout.FromWelcome(payload, out uint bytes, out _);
        Memory = SharedMemoryRegion.Open(descriptor, bytes);
        return this;
    }

    /// <summary>An observation record of the echo policy's test contract.</summary>
    internal byte[] Record(float first = 0.5f, string instruction = "go")
    {
        byte[] record = new byte[Layout.InstructionOffset + Encoding.UTF8.GetByteCount(instruction)];
        BitConverter.TryWriteBytes(record, record.Length - Layout.InstructionOffset);
        BitConverter.TryWriteBytes(record.AsSpan(4), float.NaN);
        MemoryMarshal.Cast<byte, float>(record.AsSpan(Layout.StateOffset, 4 * Layout.StateWidth))[0] = first;
        Encoding.UTF8.GetBytes(instruction, record.AsSpan(Layout.InstructionOffset));
        return record;
    }

    internal PipeHeader Header(PipeKind kind, int length = 0) =>
        new() { Kind = kind, Length = (uint)length, Sequence = ++Sequence, Session = Session, Time = MonotonicClock.Nanoseconds };

    internal void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[Socket.Send(bytes)..];
    }

    internal (PipeHeader Header, byte[] Payload) Receive() => Receive(Exactly(PipeHeader.Size));

    /// <summary>Nothing more comes.</summary>
    internal bool Closed()
    {
        try
        {
            return Socket.Receive(new byte[1]) == 0;
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
        {
            return true;
        }
    }

    /// <summary>The first number that the echo policy sends back.</summary>
    internal float Ask(float first)
    {
        byte[] record = Record(first);
        Send(Frame(Header(PipeKind.Observe, record.Length), record));
        return First(Receive());
    }

    internal float First((PipeHeader Header, byte[] Payload) answer)
    {
        Assert.True(answer.Header.Kind == PipeKind.Actions, $"{answer.Header.Kind} {answer.Header.Code}: {Encoding.UTF8.GetString(answer.Payload)}");
        Assert.Equal(Sequence, answer.Header.Sequence);
        return MemoryMarshal.Cast<byte, float>(answer.Payload.AsSpan(PipeLayout.RecordHead))[0];
    }

    public void Dispose()
    {
        Memory?.Dispose();
        Socket.Dispose();
    }

    private (PipeHeader Header, byte[] Payload) Receive(byte[] head)
    {
        Assert.Equal(PipeHeaderFault.None, PipeHeader.Read(head, out var header));
        return (header, Exactly((int)header.Length));
    }

    private void Take((PipeHeader Header, byte[] Payload) welcome)
    {
        Assert.Equal(PipeKind.Welcome, welcome.Header.Kind);
        Session = welcome.Header.Session;
        Layout = PipeLayout.FromWelcome(welcome.Payload, out _, out _);
    }

    private byte[] Exactly(int length)
    {
        byte[] bytes = new byte[length];
        for (int at = 0; at < length;)
        {
            int received = Socket.Receive(bytes.AsSpan(at));
            Assert.True(received > 0, "the server closed the connection");
            at += received;
        }

        return bytes;
    }
}

/// <summary>A server with all pipes, in a folder of its own.</summary>
internal sealed class PipeServerFixture : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("pipe");

    internal PolicyServer Server { get; private set; } = null!;

    internal string Path => System.IO.Path.Combine(_folder.FullName, "s");

    internal int Port => Server.PipePort;

    internal static async Task<PipeServerFixture> StartAsync(Func<ServeOptions, ServeOptions>? change = null, Runtime.Contract.IPolicy? policy = null)
    {
        var fixture = new PipeServerFixture();
        var options = Options with { UnixPath = fixture.Path, PipePort = 0, SharedMemory = OperatingSystem.IsLinux() };
        fixture.Server = await PolicyServer.StartAsync(policy ?? BuiltInPolicies.Create("echo", Contract), change?.Invoke(options) ?? options);
        return fixture;
    }

    internal PipeClient Client(string transport, PipeClientOptions? options = null) => transport switch
    {
        "tcp" => PipeClient.ConnectTcp("127.0.0.1", Port, options),
        "ring" => PipeClient.ConnectUnix(Path, (options ?? new PipeClientOptions()) with { SharedMemory = true }),
        _ => PipeClient.ConnectUnix(Path, options),
    };

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
