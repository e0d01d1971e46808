using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.OpenPi;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>
/// A client of openpi's protocol that takes next to nothing of the machine: its observation is packed and masked once, and sent again and again by
/// the thread that waits for the answer. So the server is measured, and not who loads it.
/// </summary>
internal sealed class WireRobot : IDisposable
{
    private const uint Mask = 0x5A3C96E1;

    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _request;
    private readonly byte[] _answer = new byte[64 << 10];

    /// <summary>Connects to a server on this machine, ours or the original's.</summary>
    /// <exception cref="InvalidOperationException">It does not accept.</exception>
    public WireRobot(int port, MsgPackMap observation, string path = "/")
    {
        _request = Frame(observation);
        _socket.Connect("127.0.0.1", port);
        _socket.Send(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"));
        int length = 0, end;
        while ((end = _answer.AsSpan(0, length).IndexOf("\r\n\r\n"u8)) < 0) length += Receive(length);
        if (!_answer.AsSpan().StartsWith("HTTP/1.1 101"u8)) throw new InvalidOperationException($"the server answered {Encoding.ASCII.GetString(_answer, 0, end)}");
        end += 4;
        _answer.AsSpan(end, length - end).CopyTo(_answer);
        Answer(length - end);
    }

    /// <summary>Sends the observation and waits for the whole answer.</summary>
    /// <exception cref="InvalidOperationException">It is no answer with actions.</exception>
    public void Ask()
    {
        for (int sent = 0; sent < _request.Length;) sent += _socket.Send(_request.AsSpan(sent));
        int length = Answer(0);
        if (_answer.AsSpan(0, length).IndexOf("actions"u8) < 0) throw new InvalidOperationException("an answer without actions.");
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>Receives a binary frame, of which so many bytes are there; gives its length.</summary>
    private int Answer(int length)
    {
        while (length < 4 || length < Whole()) length += Receive(length);
        if (_answer[0] != 0x82 || length != Whole()) throw new InvalidOperationException("the server sent something other than one binary message.");
        return length;

        int Whole() => _answer[1] < 126 ? 2 + _answer[1] : 4 + BinaryPrimitives.ReadUInt16BigEndian(_answer.AsSpan(2));
    }

    private int Receive(int at)
    {
        int count = _socket.Receive(_answer.AsSpan(at));
        return count > 0 ? count : throw new InvalidOperationException("the server has closed.");
    }

    private static byte[] Frame(MsgPackMap observation)
    {
        var writer = new MsgPackWriter();
        writer.Value(observation);
        var payload = writer.Written.Span;
        byte[] frame = new byte[FrameHeader.MaxSize + payload.Length];
        frame[0] = 0x82;
        frame[1] = 0x80 | 127;
        BinaryPrimitives.WriteInt64BigEndian(frame.AsSpan(2), payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(10), Mask);
        payload.CopyTo(frame.AsSpan(FrameHeader.MaxSize));
        FrameMask.Apply(frame.AsSpan(FrameHeader.MaxSize), Mask);
        return frame;
    }
}
