using System.Buffers.Binary;
using System.Net.Sockets;
using System.Net.WebSockets;

namespace Engine.Host.Serving.OpenPi;

/// <summary>Sends a server's frames, each whole and in one call; nothing after a close. Thread-safe.</summary>
internal sealed class FrameSender(Socket socket)
{
    private const int Length16 = 126, Length64 = 127, FirstBytes = 4096;

    private readonly Lock _gate = new();
    private byte[] _frame = new byte[FirstBytes];
    private bool _closed;

    /// <exception cref="WebSocketException">The client is gone.</exception>
    internal void Send(FrameKind kind, ReadOnlySpan<byte> payload)
    {
        lock (_gate)
        {
            if (_closed) return;
            _closed = kind == FrameKind.Close;
            if (_frame.Length < payload.Length + FrameHeader.MaxSize) _frame = new byte[payload.Length + FrameHeader.MaxSize];
            int size = WriteHeader(_frame, kind, payload.Length);
            payload.CopyTo(_frame.AsSpan(size));
            ReadOnlySpan<byte> rest = _frame.AsSpan(0, size + payload.Length);
            try
            {
                while (!rest.IsEmpty) rest = rest[socket.Send(rest)..];
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                _closed = true;
                throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely, "the client is gone", error);
            }
        }
    }

    private static int WriteHeader(Span<byte> frame, FrameKind kind, int length)
    {
        frame[0] = (byte)(0x80 | (int)kind);
        switch (length)
        {
            case < Length16:
                frame[1] = (byte)length;
                return 2;
            case <= ushort.MaxValue:
                frame[1] = Length16;
                BinaryPrimitives.WriteUInt16BigEndian(frame[2..], (ushort)length);
                return 4;
            default:
                frame[1] = Length64;
                BinaryPrimitives.WriteUInt64BigEndian(frame[2..], (ulong)length);
                return 10;
        }
    }
}
