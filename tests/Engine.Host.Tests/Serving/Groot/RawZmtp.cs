using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Engine.Host.Serving.MsgPack;

namespace Engine.Host.Tests.Serving.Groot;

/// <summary>A REQ socket that sends whatever bytes a test wants.</summary>
internal sealed class RawZmtp : IDisposable
{
    /// <summary>
    /// What libzmq 4.3 sends first: signature <c>FF 0000000000000001 7F</c>, version 3.1, mechanism <c>NULL</c> in 20 bytes, as-server 0, 31 zeros.
    /// </summary>
    internal static readonly byte[] Greeting = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 1, .. "NULL"u8, .. new byte[16], 0, .. new byte[31]];

    /// <summary>Command frame (4), 38 bytes: name READY, property Socket-Type = REQ, property Identity, empty.</summary>
    internal static readonly byte[] Ready = [4, 38, 5, .. "READY"u8, 11, .. "Socket-Type"u8, 0, 0, 0, 3, .. "REQ"u8, 8, .. "Identity"u8, 0, 0, 0, 0];

    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 60_000, NoDelay = true };

    internal RawZmtp(int port) => _socket.Connect(IPAddress.Loopback, port);

    internal static RawZmtp Open(int port)
    {
        var client = new RawZmtp(port);
        client.Send(Greeting);
        client.Send(Ready);
        client.Receive(64);
        client.Receive(2 + 25);
        return client;
    }

    /// <summary>An empty frame with MORE (1), then the body as the last frame (0, or 2 with a size of eight bytes).</summary>
    internal static byte[] Message(ReadOnlySpan<byte> body)
    {
        byte[] size = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(size, body.Length);
        return body.Length < 256 ? [1, 0, 0, (byte)body.Length, .. body] : [1, 0, 2, .. size, .. body];
    }

    internal void Send(ReadOnlySpan<byte> bytes) => _socket.Send(bytes);

    internal void End() => _socket.Shutdown(SocketShutdown.Send);

    internal byte[] Receive(int count)
    {
        byte[] bytes = new byte[count];
        for (int at = 0; at < count;)
        {
            int read = _socket.Receive(bytes.AsSpan(at));
            if (read == 0) throw new EndOfStreamException($"the server closed after {at} of {count} bytes");
            at += read;
        }

        return bytes;
    }

    /// <summary>Reads to the end of the connection; the number of bytes.</summary>
    internal int ReceiveToEnd()
    {
        byte[] bytes = new byte[4096];
        int count = 0;
        try
        {
            for (int read; (read = _socket.Receive(bytes)) > 0;) count += read;
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionReset)
        {
            // It left bytes unread.
        }

        return count;
    }

    /// <summary>The body of a reply.</summary>
    internal byte[] ReceiveReply()
    {
        Assert.Equal([1, 0], Receive(2));
        byte flags = Receive(1)[0];
        long size = flags == 0 ? Receive(1)[0] : BinaryPrimitives.ReadInt64BigEndian(Receive(8));
        Assert.InRange(flags, 0, 2);
        return Receive((int)size);
    }

    internal object? Call(ReadOnlySpan<byte> body)
    {
        Send(Message(body));
        return MsgPackReader.Read(ReceiveReply());
    }

    internal MsgPackMap Call(MsgPackMap request) => Assert.IsType<MsgPackMap>(Call(MsgPackWriter.ToBytes(request)));

    internal string Error(MsgPackMap request) => Assert.IsType<string>(Call(request)["error"]);

    public void Dispose() => _socket.Dispose();
}
