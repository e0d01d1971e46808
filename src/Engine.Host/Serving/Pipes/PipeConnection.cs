using System.Diagnostics;
using System.Net.Sockets;
using Engine.Client;
using Engine.Host.Serving.SharedMemory;

namespace Engine.Host.Serving.Pipes;

/// <summary>
/// One client of a pipe, on a thread of its own: hello and welcome, then a frame at a time until it leaves, breaks the framing, or
/// <see cref="EndAsync"/> is called. The policy reads images where they were received.
/// </summary>
internal sealed class PipeConnection : IDisposable
{
    private const int FirstBytes = 4096, MaxErrorBytes = 1024, MostDrained = 64 << 20;
    private static readonly TimeSpan s_hello = TimeSpan.FromSeconds(10), s_closing = TimeSpan.FromSeconds(2);

    private readonly Socket _socket;
    private readonly PipeGreeter _greeter;
    private readonly ServeOptions _options;
    private readonly PipeLayout _layout;
    private readonly PipeSession _session;
    private readonly byte[] _reply;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private byte[] _received = new byte[FirstBytes];
    private int _begin, _end;
    private RingServer? _ring;
    private bool _welcomed;
    private bool _ending;
    private long _limit;
    private volatile bool _timedOut;
    private volatile bool _sending;

    internal PipeConnection(Socket socket, PipeGreeter greeter, PipeLayout layout, PipeSession session, ServeOptions options)
    {
        _socket = socket;
        _greeter = greeter;
        _options = options;
        _layout = layout;
        _session = session;
        _reply = new byte[PipeHeader.Size + Math.Max(layout.ActionsBytes, MaxErrorBytes)];
        _limit = After(s_hello);
    }

    /// <summary>Serves the client until it leaves. Does not throw.</summary>
    internal void Run()
    {
        try
        {
            while (Receive(PipeHeader.Size))
            {
                var fault = PipeFraming.Check(_received.AsSpan(_begin, PipeHeader.Size), _welcomed, _layout, out var header);
                int length = PipeHeader.Size + (fault is null ? (int)header.Length : 0);
                if (!Receive(length)) break;
                Volatile.Write(ref _limit, 0);
                if (!Answer(header, _received.AsMemory(_begin + PipeHeader.Size, length - PipeHeader.Size), fault, Stopwatch.GetTimestamp()))
                {
                    Drain();
                    return;
                }

                _begin += length;
            }

            if (_timedOut) Fail(default, new PipeFaultException(PipeErrorCode.Timeout, _welcomed ? "the frame took too long" : "no hello came"), closes: true);
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException)
        {
            // The client is gone, perhaps in the middle of a frame: nobody is left to tell.
        }
        catch (Exception error)
        {
            _options.Log?.Invoke($"a pipe's connection failed: {error}");
        }
        finally
        {
            Volatile.Write(ref _limit, 0);
            _ring?.Dispose();
        }
    }

    /// <summary>Ends the connection where it waits for something that should long have come.</summary>
    internal void CheckLimit(long now)
    {
        long limit = Volatile.Read(ref _limit);
        if (limit == 0 || now < limit || _timedOut) return;
        _timedOut = true;
        try
        {
            _socket.Shutdown(_sending ? SocketShutdown.Both : SocketShutdown.Receive);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // It has ended meanwhile.
        }
    }

    /// <summary>Lets a request in progress finish and its reply leave, then says goodbye.</summary>
    internal async Task EndAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _ending = true;
            if (_ring is { } ring) await Task.Run(ring.Dispose, cancellationToken).ConfigureAwait(false);
            Send(new PipeHeader { Kind = PipeKind.Bye, Session = _session.Number, Time = MonotonicClock.Nanoseconds });
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Gone already.
        }
        finally
        {
            _turn.Release();
        }
    }

    internal void Abort() => _socket.Dispose();

    public void Dispose()
    {
        _session.Close();
        _socket.Dispose();
    }

    private static long After(TimeSpan time) => Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);

    /// <summary>Waits until so many bytes of a frame are there; false where they do not come any more.</summary>
    private bool Receive(int length)
    {
        if (_begin == _end) (_begin, _end) = (0, 0);
        if (_begin + length > _received.Length)
        {
            byte[] room = length <= _received.Length ? _received : new byte[Math.Max(length, PipeHeader.Size + _layout.ObservationBytes)];
            _received.AsSpan(_begin, _end - _begin).CopyTo(room);
            (_received, _begin, _end) = (room, 0, _end - _begin);
        }

        while (_end - _begin < length)
        {
            // From the first byte of a frame on, the rest has a limit.
            if (_welcomed && _end > _begin && Volatile.Read(ref _limit) == 0) Volatile.Write(ref _limit, After(_options.MessageTimeout));
            int count = _socket.Receive(_received.AsSpan(_end));
            if (count == 0) return false;
            _end += count;
        }

        return true;
    }

    private bool Answer(in PipeHeader header, ReadOnlyMemory<byte> payload, PipeFaultException? fault, long received)
    {
        // Taken only by the server's end besides.
        _turn.Wait();
        try
        {
            if (_ending) return false;
            try
            {
                if (fault is not null) throw fault;
                PipeFraming.CheckPayload(header, payload.Span);
                return Dispatch(header, payload, received);
            }
            catch (Exception error) when (error is not (SocketException or IOException or ObjectDisposedException))
            {
                var explained = _session.Explain(error);
                bool closes = explained.Closes || !_welcomed;
                Fail(header, explained, closes);
                return !closes;
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private bool Dispatch(in PipeHeader header, ReadOnlyMemory<byte> payload, long received)
    {
        if (!_welcomed)
        {
            if (header.Kind != PipeKind.Hello) throw new PipeFaultException(PipeErrorCode.Unexpected, $"the first frame must be a hello, not {header.Kind}", closes: true);
            _ring = _greeter.Welcome(_socket, payload.Span, _session, _layout, _options);
            _welcomed = true;
            return true;
        }

        if (header.Kind == PipeKind.Bye) return false;
        if (header.Kind is not (PipeKind.Observe or PipeKind.Reset or PipeKind.Ping))
            throw new PipeFaultException(PipeErrorCode.Unexpected, header.Kind == PipeKind.Hello ? "hello was said already" : $"a client does not send {header.Kind}");
        if (_ring is not null) throw new PipeFaultException(PipeErrorCode.Unexpected, "this session's requests go through its shared memory");
        _session.Admit(header);
        switch (header.Kind)
        {
            case PipeKind.Reset:
                _session.Reset();
                Send(Answer(header, PipeKind.Reset, 0));
                return true;
            case PipeKind.Ping:
                Send(Answer(header, PipeKind.Pong, 0));
                return true;
            default:
                _session.Infer(_session.Read(header, payload), header.Deadline);
                var flags = _session.Write(header, _reply.AsSpan(PipeHeader.Size), received);
                uint crc = 0;
                if ((header.Flags & PipeFlags.PayloadCrc) != 0)
                {
                    flags |= PipeFlags.PayloadCrc;
                    crc = Crc32C.Compute(_reply.AsSpan(PipeHeader.Size, _layout.ActionsBytes));
                }

                Send(Answer(header, PipeKind.Actions, _layout.ActionsBytes) with { Flags = flags, PayloadCrc = crc });
                return true;
        }
    }

    private PipeHeader Answer(in PipeHeader request, PipeKind kind, int length) =>
        new() { Kind = kind, Length = (uint)length, Sequence = request.Sequence, Session = _session.Number, Time = MonotonicClock.Nanoseconds };

    private void Fail(in PipeHeader header, PipeFaultException fault, bool closes)
    {
        int length = PipeFraming.WriteError(fault.Message, _reply.AsSpan(PipeHeader.Size, MaxErrorBytes));
        Send(Answer(header, PipeKind.Error, length) with { Code = fault.Code, Flags = closes ? PipeFlags.Closing : PipeFlags.None });
    }

    /// <summary>Sends a header and the payload that stands in the reply's buffer.</summary>
    private void Send(in PipeHeader header)
    {
        header.Write(_reply);
        var rest = _reply.AsSpan(0, PipeHeader.Size + (int)header.Length);
        _sending = true;
        Volatile.Write(ref _limit, After(_options.MessageTimeout));
        while (!rest.IsEmpty) rest = rest[_socket.Send(rest)..];
        Volatile.Write(ref _limit, 0);
        _sending = false;
    }

    /// <summary>Waits a moment for the client to close, so that the last frame is not lost with what it still sends.</summary>
    private void Drain()
    {
        _socket.Shutdown(SocketShutdown.Send);
        Volatile.Write(ref _limit, After(s_closing));
        for (long drained = 0; drained < MostDrained;)
        {
            int count = _socket.Receive(_received);
            if (count == 0) return;
            drained += count;
        }
    }
}
