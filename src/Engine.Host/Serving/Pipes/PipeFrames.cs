using System.Diagnostics;
using System.Net.Sockets;
using Engine.Client;

namespace Engine.Host.Serving.Pipes;

/// <summary>
/// The frames of one client's socket, with time limits. One is current, and stays where it was received until the next is asked for. While its answer is waited
/// for, frames can be received ahead: the newest observation is kept, those that it overtook are remembered, and anything else ends the looking ahead.
/// </summary>
internal sealed class PipeFrames(Socket socket, PipeLayout layout, TimeSpan patience)
{
    private const int FirstBytes = 4096, MostDrained = 64 << 20, MostOvertaken = 64;
    private static readonly TimeSpan s_hello = TimeSpan.FromSeconds(10), s_closing = TimeSpan.FromSeconds(2);

    private readonly Queue<PipeHeader> _overtaken = new();
    private Incoming _current = new(), _newest = new(), _coming = new();
    private long _limit = After(s_hello);
    private bool _gone;
    private volatile bool _timedOut;
    private volatile bool _sending;

    /// <summary>Whether the welcome has been sent: observations may come.</summary>
    internal bool Welcomed { get; set; }

    /// <summary>The current frame's header; nothing where there is a fault.</summary>
    internal ref readonly PipeHeader Header => ref _current.Header;

    /// <summary>What is wrong with the current frame's header.</summary>
    internal PipeFaultException? Fault => _current.Fault;

    /// <summary>The current frame's payload.</summary>
    internal ReadOnlyMemory<byte> Payload => _current.Payload;

    /// <summary>Whether there was a limit that has passed.</summary>
    internal bool TimedOut => _timedOut;

    /// <summary>Whether <see cref="LookAhead"/> may be called: nothing stands before what it would read, and the client is there.</summary>
    internal bool CanLookAhead => !_gone && !_coming.Whole && _overtaken.Count < MostOvertaken;

    /// <summary>Goes on to the next frame, waiting for it; false where none comes any more.</summary>
    internal bool Next()
    {
        _current.Clear();
        if (_newest.Whole) (_current, _newest) = (_newest, _current);
        else if (_coming.Filled > 0) (_current, _coming) = (_coming, _current);
        while (!_current.Whole)
        {
            if (!Receive(_current)) return false;
        }

        Volatile.Write(ref _limit, 0);
        return true;
    }

    /// <summary>
    /// Reads some of what the client has sent, without waiting where there is something; true when an observation has come whole that is newer than the current one,
    /// which <see cref="Next"/> will give then.
    /// </summary>
    internal bool LookAhead(PipeSession session)
    {
        try
        {
            _gone = !Receive(_coming);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Seen again by whoever reads or sends next.
            _gone = true;
        }

        if (!_coming.Whole) return false;
        Volatile.Write(ref _limit, 0);
        if (_coming.Fault is not null || !session.IsNewer(_coming.Header, _newest.Whole ? _newest.Header : _current.Header)
            || !PipeFraming.IsPayloadSound(_coming.Header, _coming.Payload.Span)) return false;
        if (_newest.Whole) _overtaken.Enqueue(_newest.Header);
        (_newest, _coming) = (_coming, _newest);
        _coming.Clear();
        return true;
    }

    /// <summary>The next observation that a newer one has overtaken before anything was done for it; each is given once.</summary>
    internal bool TryTakeOvertaken(out PipeHeader header) => _overtaken.TryDequeue(out header);

    /// <summary>Sends a header and the payload behind it, which stand in a buffer.</summary>
    internal void Send(ReadOnlySpan<byte> frame)
    {
        _sending = true;
        Volatile.Write(ref _limit, After(patience));
        while (!frame.IsEmpty) frame = frame[socket.Send(frame)..];
        Volatile.Write(ref _limit, 0);
        _sending = false;
    }

    /// <summary>Ends the connection where it waits for something that should long have come.</summary>
    internal void CheckLimit(long now)
    {
        long limit = Volatile.Read(ref _limit);
        if (limit == 0 || now < limit || _timedOut) return;
        _timedOut = true;
        try
        {
            socket.Shutdown(_sending ? SocketShutdown.Both : SocketShutdown.Receive);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // It has ended meanwhile.
        }
    }

    /// <summary>Waits a moment for the client to close, so that the last frame is not lost with what it still sends.</summary>
    internal void Drain()
    {
        socket.Shutdown(SocketShutdown.Send);
        Volatile.Write(ref _limit, After(s_closing));
        byte[] rest = new byte[FirstBytes];
        for (long drained = 0; drained < MostDrained;)
        {
            int count = socket.Receive(rest);
            if (count == 0) return;
            drained += count;
        }
    }

    /// <summary>No limit holds any more.</summary>
    internal void End() => Volatile.Write(ref _limit, 0);

    private static long After(TimeSpan time) => Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);

    /// <summary>Receives more of a frame, and nothing beyond it; false where the client sends no more.</summary>
    private bool Receive(Incoming frame)
    {
        // From the first byte of a frame on, the rest has a limit.
        if (Welcomed && frame.Filled > 0 && Volatile.Read(ref _limit) == 0) Volatile.Write(ref _limit, After(patience));
        int count = socket.Receive(frame.Room());
        if (count == 0) return false;
        frame.Filled += count;
        if (frame.Filled == PipeHeader.Size && !frame.HasHead) frame.ReadHead(Welcomed, layout);
        return true;
    }

    private sealed class Incoming
    {
        private byte[] _bytes = [];
        private PipeHeader _header;

        internal int Filled { get; set; }

        internal bool HasHead { get; private set; }

        internal ref readonly PipeHeader Header => ref _header;

        internal PipeFaultException? Fault { get; private set; }

        internal bool Whole => HasHead && Filled == Length;

        internal ReadOnlyMemory<byte> Payload => _bytes.AsMemory(PipeHeader.Size, Length - PipeHeader.Size);

        private int Length => PipeHeader.Size + (Fault is null && HasHead ? (int)_header.Length : 0);

        internal void Clear() => (Filled, HasHead, Fault) = (0, false, null);

        /// <summary>Where the rest of the header, or of the payload, goes.</summary>
        internal Span<byte> Room()
        {
            if (_bytes.Length < FirstBytes) _bytes = new byte[FirstBytes];
            return _bytes.AsSpan(Filled, Length - Filled);
        }

        internal void ReadHead(bool welcomed, PipeLayout layout)
        {
            Fault = PipeFraming.Check(_bytes, welcomed, layout, out _header);
            HasHead = true;
            if (Length <= _bytes.Length) return;
            byte[] room = new byte[Math.Max(Length, PipeHeader.Size + layout.ObservationBytes)];
            _bytes.AsSpan(0, Filled).CopyTo(room);
            _bytes = room;
        }
    }
}
