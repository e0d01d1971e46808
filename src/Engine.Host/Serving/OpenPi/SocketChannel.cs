using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;

namespace Engine.Host.Serving.OpenPi;

/// <summary>
/// A WebSocket over the bare socket (RFC 6455, the server's side, no extensions), for a thread that has only this client to serve: it is awake as soon
/// as the kernel has bytes. An observation is received in as few calls as the kernel allows, stays where it was received, and loses its mask there.
/// </summary>
internal sealed class SocketChannel : MessageChannel
{
    private const int FirstBytes = 64 << 10, MaxEmptyFragments = 1024, MaxReasonBytes = 123;
    private static readonly TimeSpan s_mostBetweenLooks = TimeSpan.FromSeconds(1);

    private readonly int _maxBytes;
    private readonly TimeSpan _timeout;
    private readonly FrameSender _sender;
    private byte[] _bytes;

    /// <summary>What was received and not yet taken: [_begin, _end) of the bytes.</summary>
    private int _begin, _end;

    /// <summary>The message so far.</summary>
    private int _start, _length;

    /// <summary>When the message must be whole (a <see cref="Stopwatch"/> timestamp); 0 before its first byte.</summary>
    private long _due;

    /// <summary>What is left of a frame that was refused.</summary>
    private long _unread;

    /// <summary>The next message where it was looked for.</summary>
    private MessageAhead? _ahead;

    /// <param name="socket">Connected, past the handshake; disposed with the channel.</param>
    /// <param name="maxBytes">Largest message.</param>
    /// <param name="timeout">How long a message may take from its first byte to its last.</param>
    internal SocketChannel(Socket socket, int maxBytes, TimeSpan timeout)
    {
        Socket = socket;
        _maxBytes = maxBytes;
        _timeout = timeout;
        _sender = new FrameSender(socket);
        _bytes = ArrayPool<byte>.Shared.Rent(FirstBytes);

        // A call that waits returns now and then, to look at the clock.
        socket.ReceiveTimeout = (int)Math.Clamp(timeout.TotalMilliseconds / 8, 1, s_mostBetweenLooks.TotalMilliseconds);
    }

    internal override ReadOnlyMemory<byte> Message => _bytes.AsMemory(_start, _length);

    internal override bool Blocks => true;

    /// <summary>Whether something of the next message was received with this one.</summary>
    internal bool HasMore => _end > _begin;

    /// <summary>Whether <see cref="LookAhead"/> may find something.</summary>
    internal bool CanLookAhead => _ahead is null or { GoesOn: true };

    /// <summary>The client's socket, to wait for.</summary>
    internal Socket Socket { get; }

    private int Taken => _length == 0 ? 0 : _start + _length;

    internal override ValueTask<WebSocketMessageType> ReceiveAsync() => ValueTask.FromResult(Receive());

    internal override ValueTask SendAsync(ReadOnlyMemory<byte> message, WebSocketMessageType kind, CancellationToken cancellation)
    {
        _sender.Send(kind == WebSocketMessageType.Text ? FrameKind.Text : FrameKind.Binary, message.Span);
        return ValueTask.CompletedTask;
    }

    internal override Task CloseAsync(WebSocketCloseStatus status, string reason, CancellationToken cancellation)
    {
        Span<byte> payload = stackalloc byte[2 + MaxReasonBytes];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)status);
        _sender.Send(FrameKind.Close, payload[..(2 + Encoding.UTF8.GetBytes(reason, payload[2..]))]);
        return Task.CompletedTask;
    }

    internal override Task DrainAsync(CancellationToken cancellation)
    {
        if (_ahead is { } ahead) TakeAhead(ahead);
        Drain(cancellation);
        return Task.CompletedTask;
    }

    /// <summary>Gives the message after this one, which stays, once it is whole, for <see cref="ReceiveAsync"/> to give again; an empty one before.</summary>
    /// <param name="readable">Whether the socket has something, which is received then.</param>
    internal ReadOnlyMemory<byte> LookAhead(bool readable)
    {
        _ahead ??= new MessageAhead(Socket, _maxBytes, _bytes.AsSpan(_begin, _end - _begin), _bytes.Length);
        _end = _begin;
        return _ahead.Look(readable);
    }

    internal override void Abort() => Socket.Dispose();

    public override void Dispose()
    {
        Socket.Dispose();
        ArrayPool<byte>.Shared.Return(_bytes);
        _ahead?.Dispose();
        (_bytes, _ahead) = ([], null);
        _begin = _end = _start = _length = 0;
    }

    private WebSocketMessageType Receive()
    {
        if (_ahead is { } ahead) TakeAhead(ahead);
        Rewind();
        var kind = FrameKind.Continuation;
        int empty = 0;
        while (true)
        {
            var header = ReceiveHeader();
            if (header.IsControl)
            {
                if (Control(header)) return WebSocketMessageType.Close;
                if (kind == FrameKind.Continuation) Rewind();
                continue;
            }

            if ((header.Kind == FrameKind.Continuation) == (kind == FrameKind.Continuation)) throw Break("a fragment without its beginning, or a message within another");
            if (kind == FrameKind.Continuation) kind = header.Kind;
            if (header.Length > _maxBytes - _length)
            {
                _unread = header.Length;
                throw new MessageTooBigException($"a message may have at most {_maxBytes} bytes");
            }

            if (header.Length == 0 && !header.Final && ++empty > MaxEmptyFragments) throw new MessageTooBigException("the message consists of empty fragments");
            Take((int)header.Length, header.Mask);
            if (header.Final) return kind == FrameKind.Text ? WebSocketMessageType.Text : WebSocketMessageType.Binary;
        }
    }

    /// <summary>Goes on with what was received ahead; nothing else was.</summary>
    private void TakeAhead(MessageAhead ahead)
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        (_bytes, _begin, _end) = (ahead.Bytes, 0, ahead.Length);
        (_ahead, _start, _length) = (null, 0, 0);
    }

    /// <summary>Forgets the message and its time; what came after it moves to the front.</summary>
    private void Rewind()
    {
        _length = 0;
        _due = 0;
        Compact();
    }

    /// <summary>What was not taken yet follows the message at once.</summary>
    private void Compact()
    {
        int taken = Taken;
        _bytes.AsSpan(_begin, _end - _begin).CopyTo(_bytes.AsSpan(taken));
        (_begin, _end) = (taken, taken + _end - _begin);
    }

    private FrameHeader ReceiveHeader()
    {
        try
        {
            for (int needed = 2; ; needed = _end - _begin + 1)
            {
                Fill(needed);
                if (!FrameHeader.TryRead(_bytes.AsSpan(_begin, _end - _begin), out var header)) continue;
                _begin += header.Size;
                return header;
            }
        }
        catch (WebSocketException error) when (error.WebSocketErrorCode == WebSocketError.Faulted)
        {
            throw Break(error.Message);
        }
    }

    /// <summary>Adds the next bytes to the message.</summary>
    private void Take(int count, uint mask)
    {
        Fill(count);
        FrameMask.Apply(_bytes.AsSpan(_begin, count), mask);
        if (_length == 0) _start = _begin;
        else _bytes.AsSpan(_begin, count).CopyTo(_bytes.AsSpan(_start + _length));
        _begin += count;
        _length += count;
    }

    /// <summary>Answers a ping or a close; true where it was a close.</summary>
    private bool Control(in FrameHeader header)
    {
        int length = (int)header.Length;
        Fill(length);
        var payload = _bytes.AsSpan(_begin, length);
        FrameMask.Apply(payload, header.Mask);
        _begin += length;
        if (header.Kind == FrameKind.Ping) _sender.Send(FrameKind.Pong, payload);
        if (header.Kind != FrameKind.Close) return false;
        _sender.Send(FrameKind.Close, payload[..Math.Min(2, length)]);
        return true;
    }

    /// <summary>Receives until so many bytes are there that were not taken.</summary>
    private void Fill(int count)
    {
        while (_end - _begin < count)
        {
            if (_end == _bytes.Length && _begin - Taken > FrameHeader.MaxSize) Compact();
            if (_end == _bytes.Length) Grow(_begin + count);
            int received = ReceiveSome(_bytes.AsSpan(_end), CancellationToken.None);
            _end += received;
            if (_due == 0) _due = Stopwatch.GetTimestamp() + (long)(_timeout.TotalSeconds * Stopwatch.Frequency);
        }
    }

    /// <summary>At most doubles: only what has come is believed.</summary>
    private void Grow(int needed)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(2L * _bytes.Length, (long)needed + FrameHeader.MaxSize));
        _bytes.AsSpan(0, _end).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = larger;
    }

    private int ReceiveSome(Span<byte> room, CancellationToken cancellation)
    {
        while (true)
        {
            int received;
            SocketError error;
            try
            {
                received = Socket.Receive(room, SocketFlags.None, out error);
            }
            catch (ObjectDisposedException gone)
            {
                throw Gone(gone);
            }

            if (_due != 0 && Stopwatch.GetTimestamp() > _due) throw new OperationCanceledException("the message took too long");
            cancellation.ThrowIfCancellationRequested();
            if (error is SocketError.TimedOut or SocketError.WouldBlock or SocketError.Interrupted) continue;
            if (error != SocketError.Success || received == 0) throw Gone(error == SocketError.Success ? null : new SocketException((int)error));
            return received;
        }
    }

    private void Drain(CancellationToken cancellation)
    {
        _due = 0;
        while (true)
        {
            // What is here of the refused frame, then what still comes of it.
            int here = (int)Math.Min(_unread, _end - _begin);
            _begin += here;
            _unread -= here;
            while (_unread > 0)
            {
                _begin = _end = 0;
                _unread -= ReceiveSome(_bytes.AsSpan(0, (int)Math.Min(_unread, _bytes.Length)), cancellation);
            }

            FrameHeader header;
            while (!FrameHeader.TryRead(_bytes.AsSpan(_begin, _end - _begin), out header))
            {
                Rewind();
                _end += ReceiveSome(_bytes.AsSpan(_end), cancellation);
            }

            if (header.Kind == FrameKind.Close) return;
            _begin += header.Size;
            _unread = header.Length;
        }
    }

    /// <summary>Says goodbye to a client that breaks the framing.</summary>
    private WebSocketException Break(string message)
    {
        try
        {
            CloseAsync(WebSocketCloseStatus.ProtocolError, message, CancellationToken.None);
        }
        catch (WebSocketException)
        {
            // It does not hear it.
        }

        return new WebSocketException(WebSocketError.Faulted, message);
    }

    private static WebSocketException Gone(Exception? cause) => new(WebSocketError.ConnectionClosedPrematurely, "the client is gone", cause);
}
