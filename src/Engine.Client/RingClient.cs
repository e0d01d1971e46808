using System.Diagnostics;
using System.Net.Sockets;
using Engine.Client.Interop;

namespace Engine.Client;

/// <summary>The client's side of a ring.</summary>
internal sealed unsafe class RingClient(SharedMemoryRegion memory, RingLayout ring, PipeLayout layout, int spinMicroseconds, Socket socket) : IDisposable
{
    private readonly long _spinTicks = spinMicroseconds * Stopwatch.Frequency / 1_000_000;
    private uint _published;
    private uint _read;
    private ulong _guard;

    /// <summary>The observation that is being written. Asking for it marks it as unfinished until it is sent.</summary>
    internal Span<byte> Record
    {
        get
        {
            ObjectDisposedException.ThrowIf(memory.IsClosed, this);
            if (_guard % 2 == 0) Guard(++_guard);
            return new Span<byte>(memory.Address + RingLayout.Arena, layout.ObservationBytes);
        }
    }

    /// <summary>Publishes a request and waits for its answer; copies the answer's payload out.</summary>
    internal PipeHeader Exchange(PipeHeader header, byte[] reply, TimeSpan timeout)
    {
        ObjectDisposedException.ThrowIf(memory.IsClosed, this);
        if (_guard % 2 == 1) Guard(++_guard);
        if ((header.Flags & PipeFlags.PayloadCrc) != 0)
            header = header with { PayloadCrc = Crc32C.Compute(new ReadOnlySpan<byte>(memory.Address + RingLayout.Arena, (int)header.Length)) };
        header.Write(new Span<byte>(memory.Address + RingLayout.RequestHeaders + _published % RingLayout.Slots * PipeHeader.Size, PipeHeader.Size));
        RingWait.Publish(Word(RingLayout.RequestHead), ++_published, Word(RingLayout.ServerSleeps));
        long began = Stopwatch.GetTimestamp(), spinTicks = _spinTicks;
        while (true)
        {
            uint head = RingWait.While(Word(RingLayout.ReplyHead), _read, Word(RingLayout.ClientSleeps), spinTicks);
            spinTicks = 0;
            if (head == _read)
            {
                if (socket.Poll(0, SelectMode.SelectRead)) throw new IOException("the server ended the connection.");
                if (Stopwatch.GetElapsedTime(began) > timeout) throw new TimeoutException($"no answer within {timeout.TotalSeconds} s; connect again.");
                continue;
            }

            uint slot = _read++ % RingLayout.Slots;
            CacheLines.Fetch(memory.Address + ring.ReplyOffset + slot * ring.ReplyBytes, layout.ActionsBytes);
            var fault = PipeHeader.Read(new ReadOnlySpan<byte>(memory.Address + RingLayout.ReplyHeaders + slot * PipeHeader.Size, PipeHeader.Size), out var answer);
            if (fault != PipeHeaderFault.None || answer.Length > reply.Length || answer.Offset != ring.ReplyOffset + slot * ring.ReplyBytes)
                throw new IOException($"the server's reply in shared memory is damaged ({fault}).");
            if (answer.Sequence != header.Sequence && !(answer.Kind == PipeKind.Error && answer.Sequence == 0)) continue;
            new ReadOnlySpan<byte>(memory.Address + answer.Offset, (int)answer.Length).CopyTo(reply);
            return answer;
        }
    }

    public void Dispose() => memory.Dispose();

    private uint* Word(int offset) => (uint*)(memory.Address + offset);

    private void Guard(ulong value)
    {
        Volatile.Write(ref *(ulong*)(memory.Address + RingLayout.Arena + 8), value);
        Interlocked.MemoryBarrier();
    }
}
