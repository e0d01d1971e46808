using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Engine.Client;
using Engine.Host.Serving.SharedMemory;

namespace Engine.Host.Serving.Pipes;

/// <summary>One client of a pipe: hello and welcome, then a frame at a time until it leaves, breaks the framing, or <see cref="EndAsync"/> is called.</summary>
internal sealed class PipeConnection : IDisposable
{
    private const int FirstRead = 4096, MostRead = 1 << 20, MaxErrorBytes = 1024, MostDrained = 64 << 20;
    private static readonly TimeSpan s_hello = TimeSpan.FromSeconds(10), s_closing = TimeSpan.FromSeconds(2);

    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private readonly PipeReader _reader;
    private readonly PipeGreeter _greeter;
    private readonly ServeOptions _options;
    private readonly PipeLayout _layout;
    private readonly PipeSession _session;
    private readonly byte[] _reply;
    private readonly SemaphoreSlim _turn = new(1, 1);
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
        _stream = new NetworkStream(socket, ownsSocket: false);
        int read = (int)Math.Clamp((long)layout.ObservationBytes + PipeHeader.Size, FirstRead, MostRead);
        _reader = PipeReader.Create(_stream, new StreamPipeReaderOptions(bufferSize: read, minimumReadSize: Math.Min(read, FirstRead), leaveOpen: true));
        _reply = new byte[PipeHeader.Size + Math.Max(layout.ActionsBytes, MaxErrorBytes)];
        _limit = After(s_hello);
    }

    /// <summary>Serves the client until it leaves. Does not throw.</summary>
    internal async Task RunAsync()
    {
        try
        {
            bool open = true;
            while (open)
            {
                var read = await _reader.ReadAsync().ConfigureAwait(false);
                var buffer = read.Buffer;
                long received = Stopwatch.GetTimestamp();
                while (open && TryFrame(ref buffer, out var header, out var payload, out var fault))
                {
                    Volatile.Write(ref _limit, 0);
                    open = await AnswerAsync(header, payload, fault, received).ConfigureAwait(false);
                }

                if (open && _timedOut)
                {
                    await FailAsync(default, new PipeFaultException(PipeErrorCode.Timeout, _welcomed ? "the frame took too long" : "no hello came"), closes: true).ConfigureAwait(false);
                    open = false;
                }

                if (open && _welcomed)
                {
                    if (buffer.IsEmpty) Volatile.Write(ref _limit, 0);
                    else if (Volatile.Read(ref _limit) == 0) Volatile.Write(ref _limit, After(_options.MessageTimeout));
                }

                _reader.AdvanceTo(buffer.Start, buffer.End);
                if (read.IsCompleted) return;
            }

            await DrainAsync().ConfigureAwait(false);
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
            await _reader.CompleteAsync().ConfigureAwait(false);
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
            await SendAsync(new PipeHeader { Kind = PipeKind.Bye, Session = _session.Number, Time = MonotonicClock.Nanoseconds }).ConfigureAwait(false);
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
        _stream.Dispose();
        _socket.Dispose();
    }

    private static long After(TimeSpan time) => Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);

    /// <summary>Cuts one frame off the front; false while it is not all there. A frame that breaks the framing comes with what is wrong.</summary>
    private bool TryFrame(ref ReadOnlySequence<byte> buffer, out PipeHeader header, out ReadOnlySequence<byte> payload, out PipeFaultException? fault)
    {
        (header, payload, fault) = (default, default, null);
        if (buffer.Length < PipeHeader.Size) return false;
        Span<byte> head = stackalloc byte[PipeHeader.Size];
        buffer.Slice(0, PipeHeader.Size).CopyTo(head);
        fault = PipeFraming.Check(head, _welcomed, _layout, out header);
        if (fault is not null) return true;
        if (buffer.Length - PipeHeader.Size < header.Length) return false;
        payload = buffer.Slice(PipeHeader.Size, header.Length);
        buffer = buffer.Slice(payload.End);
        return true;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> AnswerAsync(PipeHeader header, ReadOnlySequence<byte> payload, PipeFaultException? fault, long received)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_ending) return false;
            try
            {
                if (fault is not null) throw fault;
                PipeFraming.CheckPayload(header, payload);
                return await DispatchAsync(header, payload, received).ConfigureAwait(false);
            }
            catch (Exception error) when (error is not (SocketException or IOException or ObjectDisposedException))
            {
                var explained = _session.Explain(error);
                bool closes = explained.Closes || !_welcomed;
                await FailAsync(header, explained, closes).ConfigureAwait(false);
                return !closes;
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> DispatchAsync(PipeHeader header, ReadOnlySequence<byte> payload, long received)
    {
        if (!_welcomed)
        {
            if (header.Kind != PipeKind.Hello) throw new PipeFaultException(PipeErrorCode.Unexpected, $"the first frame must be a hello, not {header.Kind}", closes: true);
            _ring = _greeter.Welcome(_socket, payload, _session, _layout, _options);
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
                await SendAsync(Answer(header, PipeKind.Reset, 0)).ConfigureAwait(false);
                return true;
            case PipeKind.Ping:
                await SendAsync(Answer(header, PipeKind.Pong, 0)).ConfigureAwait(false);
                return true;
            default:
                await _session.InferAsync(_session.Read(header, payload)).ConfigureAwait(false);
                var flags = _session.Write(header, _reply.AsSpan(PipeHeader.Size), received);
                uint crc = 0;
                if ((header.Flags & PipeFlags.PayloadCrc) != 0)
                {
                    flags |= PipeFlags.PayloadCrc;
                    crc = Crc32C.Compute(_reply.AsSpan(PipeHeader.Size, _layout.ActionsBytes));
                }

                await SendAsync(Answer(header, PipeKind.Actions, _layout.ActionsBytes) with { Flags = flags, PayloadCrc = crc }).ConfigureAwait(false);
                return true;
        }
    }

    private PipeHeader Answer(in PipeHeader request, PipeKind kind, int length) =>
        new() { Kind = kind, Length = (uint)length, Sequence = request.Sequence, Session = _session.Number, Time = MonotonicClock.Nanoseconds };

    private ValueTask FailAsync(in PipeHeader header, PipeFaultException fault, bool closes)
    {
        int length = PipeFraming.WriteError(fault.Message, _reply.AsSpan(PipeHeader.Size, MaxErrorBytes));
        return SendAsync(Answer(header, PipeKind.Error, length) with { Code = fault.Code, Flags = closes ? PipeFlags.Closing : PipeFlags.None });
    }

    /// <summary>Sends a header and the payload that stands in the reply's buffer.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendAsync(PipeHeader header)
    {
        header.Write(_reply);
        var rest = _reply.AsMemory(0, PipeHeader.Size + (int)header.Length);
        _sending = true;
        Volatile.Write(ref _limit, After(_options.MessageTimeout));
        while (!rest.IsEmpty) rest = rest[await _socket.SendAsync(rest, SocketFlags.None).ConfigureAwait(false)..];
        Volatile.Write(ref _limit, 0);
        _sending = false;
    }

    /// <summary>Waits a moment for the client to close, so that the last frame is not lost with what it still sends.</summary>
    private async Task DrainAsync()
    {
        if (_timedOut) return;
        _socket.Shutdown(SocketShutdown.Send);
        Volatile.Write(ref _limit, After(s_closing));
        for (long drained = 0; drained < MostDrained;)
        {
            var read = await _reader.ReadAsync().ConfigureAwait(false);
            drained += read.Buffer.Length;
            _reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) return;
        }
    }
}
