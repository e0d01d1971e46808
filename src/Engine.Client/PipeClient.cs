using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Engine.Client;

/// <summary>
/// A policy server's client for control loops on the same machine (or a tunnel away): fill in <see cref="Image(int)"/>, <see cref="State"/> and
/// <see cref="Instruction"/>, call <see cref="Step"/>. Blocking, allocates nothing a step. Not thread-safe: one client a thread.
/// </summary>
public sealed partial class PipeClient : IDisposable
{
    private readonly Socket _socket;
    private readonly PipeClientOptions _options;
    private readonly RingClient? _ring;
    private readonly byte[] _frame;
    private readonly byte[] _reply;
    private readonly float[] _actions;
    private readonly long _clockOffset;
    private ulong _sequence;
    private int _instructionBytes;
    private string _instruction = "";
    private bool _closed;

    /// <summary>Where everything stands in the records: cameras, widths, horizon.</summary>
    public PipeLayout Layout { get; }

    /// <summary>The policy's whole <c>contract.json</c>.</summary>
    public string Contract { get; }

    /// <summary>The session's number.</summary>
    public ulong Session { get; }

    /// <summary>Whether records go through shared memory.</summary>
    public bool IsShared => _ring is not null;

    /// <summary>Sampling temperature, 0 … 1000; 0 takes the most probable actions, NaN (the default) leaves it to the server.</summary>
    public float Temperature { get; set; } = float.NaN;

    /// <summary>Time that the policy took for the last step.</summary>
    public TimeSpan PolicyTime { get; private set; }

    /// <summary>Time from the last byte of the last step's observation to its reply, in the server.</summary>
    public TimeSpan ServerTime { get; private set; }

    /// <summary>Whether the last step's actions came after its deadline.</summary>
    public bool Late { get; private set; }

    /// <summary>The instruction; kept from step to step.</summary>
    /// <exception cref="ArgumentException">It is longer than the server takes.</exception>
    public string Instruction
    {
        get => _instruction;
        set
        {
            if (value == _instruction) return;
            int bytes = Encoding.UTF8.GetByteCount(value);
            if (bytes > Layout.InstructionBytes)
                throw new ArgumentException($"the instruction has {bytes} bytes; the server takes at most {Layout.InstructionBytes}.", nameof(value));
            _instructionBytes = Encoding.UTF8.GetBytes(value, Record[Layout.InstructionOffset..]);
            _instruction = value;
        }
    }

    /// <summary>The state to send, float32 [S] in the contract's units; kept from step to step.</summary>
    public Span<float> State => MemoryMarshal.Cast<byte, float>(Record.Slice(Layout.StateOffset, 4 * Layout.StateWidth));

    private Span<byte> Record => _ring is null ? _frame.AsSpan(PipeHeader.Size) : _ring.Record;

    /// <summary>The image to send of a camera, u8 RGB [H, W, 3], to be written in place; kept from step to step.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such camera.</exception>
    public Span<byte> Image(int camera)
    {
        if (camera < 0 || camera >= Layout.Cameras.Count)
            throw new ArgumentOutOfRangeException(nameof(camera), camera, $"expected 0 to {Layout.Cameras.Count - 1}");
        return Record.Slice(Layout.Cameras[camera].Offset, Layout.Cameras[camera].Bytes);
    }

    /// <summary>The image to send of a camera, by its name in the contract.</summary>
    /// <exception cref="ArgumentException">There is no such camera.</exception>
    public Span<byte> Image(string camera)
    {
        for (int i = 0; i < Layout.Cameras.Count; i++)
        {
            if (Layout.Cameras[i].Name == camera) return Image(i);
        }

        throw new ArgumentException($"the policy has no camera '{camera}'; it has {string.Join(", ", Layout.Cameras.Select(c => c.Name))}.", nameof(camera));
    }

    /// <summary>Sends the observation and waits for its chunk of actions, float32 [H, A] in the contract's units; valid until the next step.</summary>
    /// <param name="budget">How long the answer is of use: the server refuses an observation that it comes to later. Zero: without end.</param>
    /// <exception cref="PipeServerException">The server refused; the connection goes on unless it says otherwise.</exception>
    /// <exception cref="TimeoutException">No answer within <see cref="PipeClientOptions.Timeout"/>; the connection is closed.</exception>
    /// <exception cref="IOException">The connection is gone.</exception>
    public ReadOnlySpan<float> Step(TimeSpan budget = default)
    {
        var record = Record;
        BinaryPrimitives.WriteInt32LittleEndian(record, _instructionBytes);
        BinaryPrimitives.WriteSingleLittleEndian(record[4..], Temperature);
        ulong now = MonotonicClock.Nanoseconds;
        ulong deadline = budget > TimeSpan.Zero ? (ulong)((long)now + _clockOffset + budget.Ticks * 100) : 0;
        var answer = Exchange(PipeKind.Observe, Layout.InstructionOffset + _instructionBytes, deadline, now, PipeKind.Actions);
        if (answer.Length != Layout.ActionsBytes) throw Broken($"the server sent {answer.Length} bytes of actions, expected {Layout.ActionsBytes}");
        PolicyTime = TimeSpan.FromTicks((long)(BinaryPrimitives.ReadUInt64LittleEndian(_reply.AsSpan(16)) / 100));
        ServerTime = TimeSpan.FromTicks((long)(BinaryPrimitives.ReadUInt64LittleEndian(_reply.AsSpan(24)) / 100));
        Late = (answer.Flags & PipeFlags.Late) != 0;
        MemoryMarshal.Cast<byte, float>(_reply.AsSpan(PipeLayout.RecordHead, 4 * _actions.Length)).CopyTo(_actions);
        return _actions;
    }

    /// <summary>Tells the server that a new episode begins.</summary>
    /// <exception cref="PipeServerException">The server refused.</exception>
    public void Reset() => Exchange(PipeKind.Reset, 0, 0, MonotonicClock.Nanoseconds, PipeKind.Reset);

    /// <summary>Asks whether the server is there.</summary>
    /// <exception cref="PipeServerException">The server refused.</exception>
    public void Ping() => Exchange(PipeKind.Ping, 0, 0, MonotonicClock.Nanoseconds, PipeKind.Pong);

    /// <summary>Says goodbye.</summary>
    public void Dispose()
    {
        if (!_closed && _ring is null)
        {
            Span<byte> bye = stackalloc byte[PipeHeader.Size];
            new PipeHeader { Kind = PipeKind.Bye, Session = Session, Sequence = ++_sequence, Time = MonotonicClock.Nanoseconds }.Write(bye);
            try
            {
                _socket.Send(bye);
            }
            catch (SocketException)
            {
                // The server is gone already.
            }
        }

        _closed = true;
        _ring?.Dispose();
        _socket.Dispose();
    }

    private PipeHeader Exchange(PipeKind kind, int length, ulong deadline, ulong now, PipeKind expected)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        bool crc = _options.PayloadCrc && length > 0;
        var header = new PipeHeader
        {
            Kind = kind,
            Flags = crc ? PipeFlags.PayloadCrc : PipeFlags.None,
            Length = (uint)length,
            Sequence = ++_sequence,
            Deadline = deadline,
            Session = Session,
            Time = now,
            PayloadCrc = crc && _ring is null ? Crc32C.Compute(Record[..length]) : 0,
            Offset = _ring is null || length == 0 ? 0u : RingLayout.Arena,
        };
        PipeHeader answer;
        long began = Stopwatch.GetTimestamp();
        try
        {
            answer = _ring?.Exchange(header, _reply, _options.Timeout) ?? ExchangeOverSocket(header);
        }
        catch (Exception error) when (error is SocketException or IOException or TimeoutException)
        {
            _closed = true;
            _socket.Dispose();
            // The runtime calls it a time-out too when the server dies in the middle of a send.
            if (error is SocketException { SocketErrorCode: SocketError.TimedOut or SocketError.WouldBlock } && Stopwatch.GetElapsedTime(began) >= 0.9 * _options.Timeout)
                throw new TimeoutException($"no answer within {_options.Timeout.TotalSeconds} s; connect again.", error);
            if (error is SocketException) throw new IOException($"the connection to the server is gone: {error.Message}", error);
            throw;
        }

        if (answer.Kind == expected) return answer;
        if (answer.Kind != PipeKind.Error) throw Broken($"the server sent {answer.Kind} where {expected} was due");
        _closed |= (answer.Flags & PipeFlags.Closing) != 0;
        throw new PipeServerException(answer.Code, Encoding.UTF8.GetString(_reply.AsSpan(0, (int)answer.Length)));
    }

    private PipeHeader ExchangeOverSocket(PipeHeader header)
    {
        header.Write(_frame);
        SendAll(_socket, _frame.AsSpan(0, PipeHeader.Size + (int)header.Length));
        while (true)
        {
            var answer = ReceiveFrame(_socket, _reply);

            // What belongs to a request that was given up is of no use any more; an error without a number concerns the connection.
            if (answer.Sequence == header.Sequence || (answer.Kind == PipeKind.Error && answer.Sequence == 0)) return answer;
            if (answer.Kind == PipeKind.Bye) throw new IOException("the server said goodbye.");
        }
    }

    private IOException Broken(string message)
    {
        _closed = true;
        _socket.Dispose();
        return new IOException(message + "; the connection is closed.");
    }
}
