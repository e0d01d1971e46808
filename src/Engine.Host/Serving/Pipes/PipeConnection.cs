using System.Diagnostics;
using System.Net.Sockets;
using Engine.Client;
using Engine.Host.Serving.Interop;
using Engine.Host.Serving.SharedMemory;

namespace Engine.Host.Serving.Pipes;

/// <summary>
/// One client of a pipe, on a thread of its own: hello and welcome, then a frame at a time until it leaves, breaks the framing, or
/// <see cref="EndAsync"/> is called. The policy reads images where they were received. While an observation waits for the policy, the thread watches the socket
/// too, so that a newer one takes its place.
/// </summary>
internal sealed class PipeConnection : IDisposable
{
    private const int MaxErrorBytes = 1024;

    private readonly Socket _socket;
    private readonly PipeFrames _frames;
    private readonly PipeGreeter _greeter;
    private readonly ServeOptions _options;
    private readonly PipeLayout _layout;
    private readonly PipeSession _session;
    private readonly byte[] _reply;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private RingServer? _ring;
    private SocketSignal? _signal;
    private bool _ending;

    internal PipeConnection(Socket socket, PipeGreeter greeter, PipeLayout layout, PipeSession session, ServeOptions options)
    {
        _socket = socket;
        _frames = new PipeFrames(socket, layout, options.MessageTimeout);
        _greeter = greeter;
        _options = options;
        _layout = layout;
        _session = session;
        _reply = new byte[PipeHeader.Size + Math.Max(layout.ActionsBytes, MaxErrorBytes)];
    }

    /// <summary>Serves the client until it leaves. Does not throw.</summary>
    internal void Run()
    {
        try
        {
            while (_frames.Next())
            {
                if (Answer(Stopwatch.GetTimestamp())) continue;
                _frames.Drain();
                return;
            }

            if (_frames.TimedOut) Fail(default, new PipeFaultException(PipeErrorCode.Timeout, _frames.Welcomed ? "the frame took too long" : "no hello came"), closes: true);
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
            _frames.End();
            _ring?.Dispose();
        }
    }

    /// <summary>Ends the connection where it waits for something that should long have come.</summary>
    internal void CheckLimit(long now) => _frames.CheckLimit(now);

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
        _signal?.Dispose();
        _socket.Dispose();
    }

    private bool Answer(long received)
    {
        // Taken only by the server's end besides.
        _turn.Wait();
        try
        {
            if (_ending) return false;
            bool goesOn;
            try
            {
                if (_frames.Fault is { } fault) throw fault;
                PipeFraming.CheckPayload(_frames.Header, _frames.Payload.Span);
                goesOn = Dispatch(_frames.Header, received);
            }
            catch (Exception error) when (error is not (SocketException or IOException or ObjectDisposedException))
            {
                var explained = _session.Explain(error);
                goesOn = !explained.Closes && _frames.Welcomed;
                Fail(_frames.Header, explained, closes: !goesOn);
            }

            while (goesOn && _frames.TryTakeOvertaken(out var overtaken)) Fail(overtaken, _session.Explain(_session.Overtaken()), closes: false);
            return goesOn;
        }
        finally
        {
            _turn.Release();
        }
    }

    private bool Dispatch(in PipeHeader header, long received)
    {
        if (!_frames.Welcomed)
        {
            if (header.Kind != PipeKind.Hello) throw new PipeFaultException(PipeErrorCode.Unexpected, $"the first frame must be a hello, not {header.Kind}", closes: true);
            _ring = _greeter.Welcome(_socket, _frames.Payload.Span, _session, _layout, _options);
            _frames.Welcomed = true;
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
                var inference = _session.Begin(_session.Read(header, _frames.Payload), header.Deadline);
                if (!inference.IsCompleted) Watch(inference);
                _session.End(inference);
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

    /// <summary>Receives what the client sends until the inference has ended: a newer observation takes the place of one that waits.</summary>
    private void Watch(Task inference)
    {
        if (_signal is null)
        {
            _signal = SocketSignal.TryCreate();
            if (_signal is null) return;
            _session.Ended = _signal.Set;
            // Either the one who ends the request finds the signal, or the request is found ended below.
            Interlocked.MemoryBarrier();
        }

        while (!inference.IsCompleted && _frames.CanLookAhead)
        {
            if (_signal.Wait(_socket) && _frames.LookAhead(_session) && _session.TryWithdraw()) return;
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
        _frames.Send(_reply.AsSpan(0, PipeHeader.Size + (int)header.Length));
    }
}
