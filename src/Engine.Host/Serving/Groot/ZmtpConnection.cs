using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;

namespace Engine.Host.Serving.Groot;

/// <summary>
/// The server's end of one ZeroMQ REQ–REP connection: ZMTP 3.0 (rfc.zeromq.org/spec/23) with the NULL mechanism. A request is an envelope that
/// ends with an empty frame, then one frame; the reply repeats the envelope. Requests are read into one reused buffer.
/// </summary>
internal sealed class ZmtpConnection(Socket socket, int maxBytes, TimeSpan messageTimeout) : IDisposable
{
    private const byte More = 1, Long = 2, Command = 4;
    private const int GreetingSize = 64, MaxCommandBytes = 512, MaxEnvelopeFrames = 8, FirstBytes = 64 << 10;
    private static readonly TimeSpan s_handshake = TimeSpan.FromSeconds(10);

    private readonly BufferedStream _stream = new(new NetworkStream(socket, ownsSocket: false), FirstBytes);
    private readonly ArrayBufferWriter<byte> _body = new();
    private readonly ArrayBufferWriter<byte> _reply = new();
    private readonly byte[] _size = new byte[8];

    /// <summary>Exchanges greetings and READY commands.</summary>
    /// <exception cref="ZmtpException">The peer is of an older version, wants encryption, or is no REQ or DEALER socket.</exception>
    /// <exception cref="OperationCanceledException">It took longer than 10 s.</exception>
    internal async Task HandshakeAsync()
    {
        using var limit = new CancellationTokenSource(s_handshake);
        byte[] greeting = new byte[GreetingSize];
        (greeting[0], greeting[9], greeting[10]) = (0xFF, 0x7F, 3);
        "NULL"u8.CopyTo(greeting.AsSpan(12));
        byte[] ready = [Command, 28, 5, .. "READY"u8, 11, .. "Socket-Type"u8, 0, 0, 0, 3, .. "REP"u8];
        ready[1] = (byte)(ready.Length - 2);
        await SendAsync(greeting, limit.Token).ConfigureAwait(false);

        byte[] theirs = new byte[GreetingSize];
        await ReadAsync(theirs.AsMemory(0, 11), limit.Token).ConfigureAwait(false);
        if (theirs[0] != 0xFF || (theirs[9] & 1) == 0 || theirs[10] < 3) throw new ZmtpException("the peer does not speak ZMTP 3 (ZeroMQ 4 or later)");
        await ReadAsync(theirs.AsMemory(11), limit.Token).ConfigureAwait(false);
        if (!theirs.AsSpan(12, 20).SequenceEqual(greeting.AsSpan(12, 20))) throw new ZmtpException("the peer wants another mechanism than NULL");
        await SendAsync(ready, limit.Token).ConfigureAwait(false);

        int flags = await FlagsAsync(limit.Token).ConfigureAwait(false);
        byte[] command = (flags & ~Long) == Command ? await CommandAsync(flags, limit.Token).ConfigureAwait(false) : [];
        if (!IsNamed(command, "READY"u8)) throw new ZmtpException("the peer sent no READY command");
        if (SocketType(command.AsSpan(6)) is not ("REQ" or "DEALER")) throw new ZmtpException("the peer is no REQ socket");
    }

    /// <summary>The next request, valid until the next call, or null when the peer has left. Waits for its first byte until <paramref name="patience"/> ends, then as long as one message may take.</summary>
    /// <exception cref="ZmtpException">The peer breaks the protocol, or the request is too large.</exception>
    /// <exception cref="OperationCanceledException">It took too long.</exception>
    internal async Task<ReadOnlyMemory<byte>?> ReceiveAsync(CancellationToken patience)
    {
        _reply.ResetWrittenCount();
        _body.ResetWrittenCount();
        bool delimited = false;
        CancellationTokenSource? limit = null;
        try
        {
            for (int envelope = 0; ;)
            {
                int flags = await FlagsAsync(limit?.Token ?? patience).ConfigureAwait(false);
                if (flags < 0) return limit is null ? null : throw new ZmtpException("the peer left within a request");
                bool within = limit is not null;
                limit ??= new CancellationTokenSource(messageTimeout);
                if ((flags & Command) != 0)
                {
                    await AnswerCommandAsync(await CommandAsync(flags, limit.Token).ConfigureAwait(false), limit.Token).ConfigureAwait(false);
                    if (within) continue;
                    limit.Dispose();
                    limit = null;
                    continue;
                }

                long size = await SizeAsync(flags, limit.Token).ConfigureAwait(false);
                bool more = (flags & More) != 0;
                if (delimited)
                {
                    if (more) throw new ZmtpException("a request has more than one frame");
                    if (size < 0 || size > maxBytes) throw new ZmtpException($"a request may have at most {maxBytes} bytes");
                    await ReadBodyAsync((int)size, limit.Token).ConfigureAwait(false);
                    return _body.WrittenMemory;
                }

                if (!more || size is < 0 or > byte.MaxValue || ++envelope > MaxEnvelopeFrames) throw new ZmtpException("a request has no envelope: its empty frame is missing");
                var frame = _reply.GetMemory(2 + (int)size)[..(2 + (int)size)];
                (frame.Span[0], frame.Span[1]) = (More, (byte)size);
                await ReadAsync(frame[2..], limit.Token).ConfigureAwait(false);
                _reply.Advance(frame.Length);
                delimited = size == 0;
            }
        }
        finally
        {
            limit?.Dispose();
        }
    }

    /// <summary>Answers the request that was received last.</summary>
    internal async Task ReplyAsync(ReadOnlyMemory<byte> body)
    {
        var header = _reply.GetSpan(9);
        if (body.Length <= byte.MaxValue)
        {
            (header[0], header[1]) = (0, (byte)body.Length);
            _reply.Advance(2);
        }
        else
        {
            header[0] = Long;
            BinaryPrimitives.WriteUInt64BigEndian(header[1..], (ulong)body.Length);
            _reply.Advance(9);
        }

        _reply.Write(body.Span);
        using var limit = new CancellationTokenSource(messageTimeout);
        await SendAsync(_reply.WrittenMemory, limit.Token).ConfigureAwait(false);
    }

    public void Dispose() => _stream.Dispose();

    private static bool IsNamed(ReadOnlySpan<byte> command, ReadOnlySpan<byte> name) =>
        command.Length > name.Length && command[0] == name.Length && command[1..(1 + name.Length)].SequenceEqual(name);

    /// <summary>The value of the property Socket-Type: entries are a name after its length and a value after its length in four bytes.</summary>
    private static string? SocketType(ReadOnlySpan<byte> properties)
    {
        while (properties.Length > 0)
        {
            int name = properties[0];
            if (properties.Length < 1 + name + 4) return null;
            uint value = BinaryPrimitives.ReadUInt32BigEndian(properties[(1 + name)..]);
            if (value > properties.Length - (1 + name + 4)) return null;
            var text = properties.Slice(1 + name + 4, (int)value);
            if (System.Text.Ascii.EqualsIgnoreCase(properties.Slice(1, name), "Socket-Type"u8)) return System.Text.Encoding.Latin1.GetString(text);
            properties = properties[(1 + name + 4 + (int)value)..];
        }

        return null;
    }

    /// <summary>A PING (its time to live, then a context) is answered with its context; other commands say nothing to a REP socket.</summary>
    private async Task AnswerCommandAsync(byte[] command, CancellationToken limit)
    {
        if (!IsNamed(command, "PING"u8) || command.Length is < 7 or > 7 + 16) return;
        byte[] pong = [Command, (byte)(5 + command.Length - 7), 4, .. "PONG"u8, .. command.AsSpan(7)];
        await SendAsync(pong, limit).ConfigureAwait(false);
    }

    private async Task<byte[]> CommandAsync(int flags, CancellationToken limit)
    {
        long size = await SizeAsync(flags, limit).ConfigureAwait(false);
        if ((flags & More) != 0 || size is < 1 or > MaxCommandBytes) throw new ZmtpException($"a command may have 1 to {MaxCommandBytes} bytes");
        byte[] command = new byte[size];
        await ReadAsync(command, limit).ConfigureAwait(false);
        return command;
    }

    /// <summary>The first byte of a frame, -1 where the peer has left.</summary>
    private async Task<int> FlagsAsync(CancellationToken limit)
    {
        if (await _stream.ReadAsync(_size.AsMemory(0, 1), limit).ConfigureAwait(false) == 0) return -1;
        return (_size[0] & ~(More | Long | Command)) == 0 ? _size[0] : throw new ZmtpException($"a frame begins with 0x{_size[0]:x2}");
    }

    private async Task<long> SizeAsync(int flags, CancellationToken limit)
    {
        int bytes = (flags & Long) != 0 ? 8 : 1;
        await ReadAsync(_size.AsMemory(0, bytes), limit).ConfigureAwait(false);
        return bytes == 1 ? _size[0] : BinaryPrimitives.ReadInt64BigEndian(_size);
    }

    /// <summary>The size that a frame claims is believed only as far as bytes have come.</summary>
    private async Task ReadBodyAsync(int size, CancellationToken limit)
    {
        while (_body.WrittenCount < size)
        {
            int part = Math.Min(size - _body.WrittenCount, Math.Max(FirstBytes, _body.FreeCapacity));
            var memory = _body.GetMemory(part)[..part];
            await ReadAsync(memory, limit).ConfigureAwait(false);
            _body.Advance(part);
        }
    }

    private async Task ReadAsync(Memory<byte> destination, CancellationToken limit)
    {
        try
        {
            await _stream.ReadExactlyAsync(destination, limit).ConfigureAwait(false);
        }
        catch (EndOfStreamException)
        {
            throw new ZmtpException("the peer left within a frame");
        }
    }

    private async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken limit)
    {
        while (!bytes.IsEmpty) bytes = bytes[await socket.SendAsync(bytes, limit).ConfigureAwait(false)..];
    }
}
