using System.Diagnostics;
using Engine.Client;
using Engine.Client.Interop;
using Engine.Host.Serving.Pipes;

namespace Engine.Host.Serving.SharedMemory;

/// <summary>
/// The server's side of a ring in shared memory, with a thread of its own. Everything in it may change at any time: headers are copied before they are
/// read, offsets are checked against the server's own layout, what is judged of a record is copied before, and a record's guard must be the same even
/// number before the copy, after it, and after the policy has read the images, which stay where they are. An observation that the next one in the ring has
/// overtaken before the policy was asked is answered with that.
/// </summary>
internal sealed unsafe class RingServer : IDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(1);

    private readonly RingLayout _ring;
    private readonly PipeLayout _layout;
    private readonly PipeSession _session;
    private readonly ServeOptions _options;
    private readonly SharedMemoryRegion _memory;
    private readonly UnmanagedBytes _bytes;
    private readonly long _spinTicks;
    private readonly ManualResetEventSlim _answered = new();
    private byte[] _copy = [];
    private Thread? _thread;
    private volatile bool _ended;
    private uint _handled;
    private uint _replied;

    internal RingServer(RingLayout ring, PipeLayout layout, PipeSession session, ServeOptions options, int spinMicroseconds)
    {
        _ring = ring;
        _layout = layout;
        _session = session;
        _options = options;
        _spinTicks = spinMicroseconds * Stopwatch.Frequency / 1_000_000;
        _memory = SharedMemoryRegion.Create(ring.Bytes);
        _bytes = new UnmanagedBytes(_memory.Address, (int)ring.Bytes);
        ring.Write(_bytes.GetSpan());
        session.Ended = _answered.Set;
    }

    /// <summary>Bytes of the memory.</summary>
    internal uint Bytes => _ring.Bytes;

    /// <summary>The memory's descriptor, for the client.</summary>
    internal int Descriptor => _memory.Descriptor;

    /// <summary>Starts to answer.</summary>
    internal void Start()
    {
        _thread = new Thread(Serve) { IsBackground = true, Name = $"ring {_session.Number}" };
        _thread.Start();
    }

    /// <summary>Lets a request in progress finish, then ends. May be called twice.</summary>
    public void Dispose()
    {
        _ended = true;
        if (!_memory.IsClosed) Futex.WakeAll(Word(RingLayout.RequestHead));
        _thread?.Join();
        _memory.Dispose();
    }

    private void Serve()
    {
        try
        {
            // Spinning is for the next request of a control loop, not for a client that has gone quiet.
            long spinTicks = 0;
            while (!_ended)
            {
                uint head = RingWait.While(Word(RingLayout.RequestHead), _handled, Word(RingLayout.ServerSleeps), spinTicks);
                spinTicks = head == _handled ? 0 : _spinTicks;
                if (head == _handled) continue;
                long received = Stopwatch.GetTimestamp();
                if (head - _handled > RingLayout.Slots)
                {
                    _handled = head;
                    Fail(default, new PipeFaultException(PipeErrorCode.Torn, $"the ring holds {RingLayout.Slots} requests; its counter jumped further"));
                    continue;
                }

                Answer(_handled++ % RingLayout.Slots, received);
            }
        }
        catch (Exception error)
        {
            _options.Log?.Invoke($"a ring failed: {error}");
        }
    }

    private void Answer(uint slot, long received)
    {
        // What a client writes for a request, but for the images: fetched from its core all at once instead of one after another.
        CacheLines.Fetch(_memory.Address + RingLayout.Arena, PipeLayout.RecordHead + 4 * _layout.StateWidth);
        CacheLines.Fetch(_memory.Address + RingLayout.Arena + _layout.InstructionOffset, 1);
        var fault = Read(slot, out var header);
        try
        {
            if (fault is not null) throw fault;
            if (header.Kind is not (PipeKind.Observe or PipeKind.Reset or PipeKind.Ping))
                throw new PipeFaultException(PipeErrorCode.Unexpected, $"{header.Kind} does not belong into a ring");
            _session.Admit(header);
            switch (header.Kind)
            {
                case PipeKind.Reset:
                    _session.Reset();
                    Reply(header, PipeKind.Reset, 0);
                    break;
                case PipeKind.Ping:
                    Reply(header, PipeKind.Pong, 0);
                    break;
                default:
                    if (IsOvertaken(header)) throw _session.Overtaken();
                    var inference = _session.Begin(Take(header, out ulong guard), header.Deadline);
                    Watch(inference, header);
                    _session.End(inference);
                    if (Guard(header) != guard) throw Torn();
                    var record = ReplyRecord();
                    var flags = _session.Write(header, record, received);
                    uint crc = 0;
                    if ((header.Flags & PipeFlags.PayloadCrc) != 0)
                    {
                        flags |= PipeFlags.PayloadCrc;
                        crc = Crc32C.Compute(record[.._layout.ActionsBytes]);
                    }

                    Reply(header, PipeKind.Actions, _layout.ActionsBytes, flags, crc);
                    break;
            }
        }
        catch (Exception error)
        {
            Fail(header, _session.Explain(error));
        }
    }

    private PipeFaultException? Read(uint slot, out PipeHeader header)
    {
        Span<byte> head = stackalloc byte[PipeHeader.Size];
        _bytes.GetSpan().Slice(RingLayout.RequestHeaders + (int)slot * PipeHeader.Size, PipeHeader.Size).CopyTo(head);
        return PipeFraming.Check(head, welcomed: true, _layout, out header);
    }

    /// <summary>Looks into the ring until the inference has ended: a newer observation takes the place of one that waits. A futex cannot be waited for together with that, so it looks again and again.</summary>
    private void Watch(Task inference, in PipeHeader header)
    {
        while (!inference.IsCompleted)
        {
            if (_answered.Wait(s_look)) _answered.Reset();
            else if (IsOvertaken(header) && _session.TryWithdraw()) return;
        }
    }

    /// <summary>Whether the ring's next request is an observation that is newer.</summary>
    private bool IsOvertaken(in PipeHeader header)
    {
        uint head = Volatile.Read(ref *Word(RingLayout.RequestHead));
        return head != _handled && head - _handled <= RingLayout.Slots && Read(_handled % RingLayout.Slots, out var next) is null
            && _session.IsNewer(next, header) && _ring.Holds(next.Offset, next.Length);
    }

    private ulong Guard(in PipeHeader header)
    {
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref *(ulong*)(_memory.Address + header.Offset + 8));
    }

    /// <summary>Takes a record, unless it lies outside or changes meanwhile; gives the temperature.</summary>
    private float? Take(in PipeHeader header, out ulong guard)
    {
        if (!_ring.Holds(header.Offset, header.Length) || header.Length < PipeLayout.RecordHead)
        {
            throw new PipeFaultException(
                PipeErrorCode.Torn, $"{header.Length} bytes at offset {header.Offset} do not lie in the ring's {_ring.ArenaBytes} bytes from {RingLayout.Arena} on, at a multiple of 64");
        }

        guard = Guard(header);
        if (guard % 2 != 0) throw Torn();
        try
        {
            ReadOnlyMemory<byte> record = _bytes.Memory.Slice((int)header.Offset, (int)header.Length);
            if ((header.Flags & PipeFlags.PayloadCrc) != 0)
            {
                // The checksum has to be of what is used, and the memory may change in between.
                if (_copy.Length == 0) _copy = new byte[_layout.ObservationBytes];
                record.CopyTo(_copy);
                record = _copy.AsMemory(0, record.Length);
                PipeFraming.CheckPayload(header, record.Span);
            }

            float? temperature = _session.Read(header, record);
            return Guard(header) == guard ? temperature : throw Torn();
        }
        catch (PipeFaultException)
        {
            if (Guard(header) != guard) throw Torn();
            throw;
        }
    }

    private static PipeFaultException Torn() => new(PipeErrorCode.Torn, "the observation changed while it was read");

    private void Fail(in PipeHeader request, PipeFaultException fault)
    {
        int length = PipeFraming.WriteError(fault.Message, ReplyRecord()[..RingLayout.MaxErrorBytes]);
        Reply(request, PipeKind.Error, length, code: fault.Code);
    }

    private Span<byte> ReplyRecord() => _bytes.GetSpan().Slice((int)ReplyOffset, (int)_ring.ReplyBytes);

    private uint ReplyOffset => _ring.ReplyOffset + _replied % RingLayout.Slots * _ring.ReplyBytes;

    private void Reply(in PipeHeader request, PipeKind kind, int length, PipeFlags flags = PipeFlags.None, uint crc = 0, PipeErrorCode code = PipeErrorCode.None)
    {
        var header = new PipeHeader
        {
            Kind = kind,
            Flags = flags,
            Length = (uint)length,
            Sequence = request.Sequence,
            Session = _session.Number,
            Time = MonotonicClock.Nanoseconds,
            PayloadCrc = crc,
            Code = code,
            Offset = ReplyOffset,
        };
        header.Write(_bytes.GetSpan()[(RingLayout.ReplyHeaders + (int)(_replied % RingLayout.Slots) * PipeHeader.Size)..]);
        RingWait.Publish(Word(RingLayout.ReplyHead), ++_replied, Word(RingLayout.ClientSleeps));
    }

    private uint* Word(int offset) => (uint*)(_memory.Address + offset);
}
