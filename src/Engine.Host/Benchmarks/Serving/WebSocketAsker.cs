using System.Buffers.Binary;
using System.Net.Sockets;
using Engine.Host.Serving.MsgPack;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>
/// A client of openpi's WebSocket that costs next to nothing, so that its times are the server's: one observation, masked beforehand, over a socket that blocks
/// its own thread. No thread of a pool stands between the answer and the clock.
/// </summary>
internal sealed class WebSocketAsker : IDisposable
{
    private const int MostBytes = 1 << 20;
    private static ReadOnlySpan<byte> Mask => [0x5A, 0x3C, 0x96, 0xE1];

    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 60_000 };
    private readonly byte[] _frame, _received = new byte[MostBytes];
    private int _begin, _end;

    /// <summary>Connects and takes the server's metadata.</summary>
    /// <exception cref="InvalidOperationException">It does not answer as a WebSocket server.</exception>
    public WebSocketAsker(Uri uri, MsgPackMap observation)
    {
        var writer = new MsgPackWriter();
        writer.Value(observation);
        _frame = Frame(writer.Written.Span);
        _socket.Connect(uri.Host, uri.Port);
        SendAll(System.Text.Encoding.ASCII.GetBytes(
            $"GET {uri.AbsolutePath} HTTP/1.1\r\nHost: {uri.Authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"));
        int head;
        while ((head = _received.AsSpan(0, _end).IndexOf("\r\n\r\n"u8)) < 0) Receive();
        if (!_received.AsSpan().StartsWith("HTTP/1.1 101"u8)) throw new InvalidOperationException($"{uri} opens no WebSocket.");
        _begin = head + 4;
        Message();
    }

    /// <summary>Sends the observation and waits for the whole answer.</summary>
    public void Ask()
    {
        SendAll(_frame);
        Message();
    }

    public void Dispose() => _socket.Dispose();

    private static byte[] Frame(ReadOnlySpan<byte> payload)
    {
        byte[] frame = new byte[14 + payload.Length];
        (frame[0], frame[1]) = (0x82, 0x80 | 127);
        BinaryPrimitives.WriteInt64BigEndian(frame.AsSpan(2), payload.Length);
        Mask.CopyTo(frame.AsSpan(10));
        for (int i = 0; i < payload.Length; i++) frame[14 + i] = (byte)(payload[i] ^ Mask[i % 4]);
        return frame;
    }

    /// <summary>Takes a binary message of one frame, and the server's pings before it.</summary>
    private void Message()
    {
        while (true)
        {
            Need(2);
            int code = _received[_begin] & 15, length = _received[_begin + 1], head = length == 126 ? 4 : length == 127 ? 10 : 2;
            Need(head);
            if (length == 126) length = BinaryPrimitives.ReadUInt16BigEndian(_received.AsSpan(_begin + 2));
            else if (length == 127) length = (int)BinaryPrimitives.ReadInt64BigEndian(_received.AsSpan(_begin + 2));
            Need(head + length);
            _begin += head + length;
            if (_begin == _end) (_begin, _end) = (0, 0);
            if (code == 2) return;
            if (code != 9) throw new InvalidOperationException($"the server sent a frame of kind {code} where its answer was due.");
        }
    }

    private void Need(int bytes)
    {
        if (_begin + bytes > _received.Length) throw new InvalidOperationException($"the server sends a message of {bytes} bytes.");
        while (_end - _begin < bytes) Receive();
    }

    private void Receive()
    {
        int count = _socket.Receive(_received.AsSpan(_end));
        if (count == 0) throw new InvalidOperationException("the server closed the connection.");
        _end += count;
    }

    private void SendAll(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[_socket.Send(bytes)..];
    }
}
