using System.Runtime.InteropServices;
using System.Text;
using Engine.Client;
using Engine.Client.Interop;
using Engine.Host.Serving;
using Engine.Runtime.Contract;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Pipes;

/// <summary>Shared memory with a client that does to it what it likes.</summary>
public sealed class RingServerTests
{
    [Theory]
    [InlineData("offset in the head", PipeErrorCode.Torn)]
    [InlineData("offset beyond the arena", PipeErrorCode.Torn)]
    [InlineData("offset that overflows", PipeErrorCode.Torn)]
    [InlineData("offset between two lines", PipeErrorCode.Torn)]
    [InlineData("record over the end", PipeErrorCode.Torn)]
    [InlineData("unfinished record", PipeErrorCode.Torn)]
    [InlineData("no record", PipeErrorCode.Torn)]
    [InlineData("counter jumps", PipeErrorCode.Torn)]
    [InlineData("torn header", PipeErrorCode.Malformed)]
    [InlineData("oversize", PipeErrorCode.TooLarge)]
    [InlineData("payload crc", PipeErrorCode.Malformed)]
    [InlineData("replay", PipeErrorCode.Sequence)]
    [InlineData("deadline", PipeErrorCode.Deadline)]
    [InlineData("hello", PipeErrorCode.Unexpected)]
    [InlineData("nan", PipeErrorCode.Observation)]
    public async Task Bad_memory_gets_its_reason_and_the_next_request_its_answer(string what, PipeErrorCode code)
    {
        await using var fixture = await PipeServerFixture.StartAsync();
        using var pipe = RawPipe.Connect(fixture.Path).HelloWithRing();
        var ring = new RawRing(pipe);
        Assert.Equal(1, ring.Ask(1));
        var good = ring.Write(9);
        switch (what)
        {
            case "offset in the head": ring.Publish(good with { Offset = 64 }); break;
            case "offset beyond the arena": ring.Publish(good with { Offset = ring.Layout.ReplyOffset }); break;
            case "offset that overflows": ring.Publish(good with { Offset = uint.MaxValue - 63 }); break;
            case "offset between two lines": ring.Publish(good with { Offset = RingLayout.Arena + 8 }); break;
            case "record over the end": ring.Publish(good with { Offset = ring.Layout.ReplyOffset - 64 }); break;
            case "unfinished record": ring.Guard++; ring.Publish(good); break;
            case "no record": ring.Publish(good with { Length = 0 }); break;
            case "counter jumps": ring.Publish(good, by: 100); break;
            case "torn header": ring.Publish(good, damage: true); break;
            case "oversize": ring.Publish(good with { Length = uint.MaxValue }); break;
            case "payload crc": ring.Publish(good with { Flags = PipeFlags.PayloadCrc, PayloadCrc = 1 }); break;
            case "replay": ring.Publish(good with { Sequence = good.Sequence - 1 }); break;
            case "deadline": ring.Publish(good with { Deadline = 1 }); break;
            case "hello": ring.Publish(good with { Kind = PipeKind.Hello, Length = 16 }); break;
            case "nan": good = ring.Write(float.NaN); ring.Publish(good); break;
            default: throw new ArgumentOutOfRangeException(nameof(what), what, "no such case");
        }

        var (header, payload) = ring.Receive();
        Assert.Equal((PipeKind.Error, code), (header.Kind, header.Code));
        Assert.NotEmpty(Encoding.UTF8.GetString(payload));
        if (what == "unfinished record") ring.Guard++;
        Assert.Equal(2, ring.Ask(2));
        using var other = fixture.Client("ring", new PipeClientOptions { SpinMicroseconds = 50 });
        other.State[0] = 3;
        Assert.Equal(3, other.Step()[0]);
    }

    [Fact]
    public async Task A_record_that_changes_while_the_policy_reads_it_is_refused()
    {
        using var entered = new SemaphoreSlim(0);
        using var gate = new SemaphoreSlim(0);
        var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            entered.Release();
            if (observations.States[0] == 5) gate.Wait();
            actions.Fill(observations.States[0]);
        });
        await using var fixture = await PipeServerFixture.StartAsync(policy: policy);
        await entered.WaitAsync();
        using var pipe = RawPipe.Connect(fixture.Path).HelloWithRing();
        var ring = new RawRing(pipe);
        Assert.Equal(1, ring.Ask(1));
        await entered.WaitAsync();
        ring.Publish(ring.Write(5));
        await entered.WaitAsync();
        ring.Guard += 2;
        gate.Release();
        Assert.Equal(PipeErrorCode.Torn, ring.Receive().Header.Code);
        Assert.Equal(2, ring.Ask(2));
    }

    [Fact]
    public async Task The_memory_cannot_be_cut_and_the_socket_takes_no_requests_beside_it()
    {
        await using var fixture = await PipeServerFixture.StartAsync();
        using var pipe = RawPipe.Connect(fixture.Path).HelloWithRing();
        using (var file = new FileStream($"/proc/self/fd/{pipe.Memory!.Descriptor}", FileMode.Open, FileAccess.ReadWrite))
        {
            Assert.ThrowsAny<Exception>(() => file.SetLength(0));
            Assert.True(file.Length > 4096);
        }

        byte[] record = pipe.Record(1);
        pipe.Send(RawPipe.Frame(pipe.Header(PipeKind.Observe, record.Length), record));
        Assert.Equal(PipeErrorCode.Unexpected, pipe.Receive().Header.Code);
        Assert.Equal(2, new RawRing(pipe).Ask(2));
    }

    [Fact]
    public async Task Random_requests_in_the_ring_are_answered()
    {
        await using var fixture = await PipeServerFixture.StartAsync();
        using var pipe = RawPipe.Connect(fixture.Path).HelloWithRing();
        var ring = new RawRing(pipe);
        var random = new Random(4);
        for (int i = 0; i < 400; i++)
        {
            var header = ring.Write(i);
            ring.Scribble(random);
            ring.Publish(header with
            {
                Kind = (PipeKind)random.Next(1, 10),
                Offset = (uint)random.NextInt64(1L << random.Next(33)),
                Length = (uint)random.NextInt64(1L << random.Next(33)),
            });
            Assert.Contains(ring.Receive().Header.Kind, new[] { PipeKind.Error, PipeKind.Actions, PipeKind.Reset, PipeKind.Pong });
        }

        Assert.Equal(2, ring.Ask(2));
    }

    [Fact]
    public async Task A_newer_observation_in_the_ring_takes_the_place_of_one_that_waits()
    {
        using var entered = new SemaphoreSlim(0);
        using var gate = new SemaphoreSlim(0);
        var asked = new System.Collections.Concurrent.ConcurrentQueue<float>();
        var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            asked.Enqueue(observations.States[0]);
            if (observations.States[0] is 1 or 5)
            {
                entered.Release();
                gate.Wait();
            }

            actions.Fill(observations.States[0]);
        });
        await using var fixture = await PipeServerFixture.StartAsync(o => o with { MaxBatch = 1 }, policy);
        asked.Clear();
        using var blocking = fixture.Client("unix");
        blocking.State[0] = 1;
        var blocked = Task.Run(() => blocking.Step()[0]);
        await entered.WaitAsync();

        // One that waits is replaced as soon as the next is seen.
        using var pipe = RawPipe.Connect(fixture.Path).HelloWithRing();
        var ring = new RawRing(pipe);
        var metrics = fixture.Server.Metrics;
        ring.Publish(ring.Write(2));
        Assert.Equal(1, await WithinAsync(() => metrics.Waiting, 1));
        ring.Publish(ring.Write(3, record: 1));
        Assert.Equal((PipeErrorCode.Replaced, 1ul), Code(ring.Receive()));
        Assert.Equal(1, await WithinAsync(() => metrics.Waiting, 1));
        gate.Release();
        Assert.Equal(1, await blocked);
        Assert.Equal(3, pipe.First(ring.Receive()));

        // One that has begun is answered; then comes the last of those that are there, but none across a reset.
        ring.Publish(ring.Write(5));
        await entered.WaitAsync();
        ring.Publish(ring.Write(6, record: 1));
        ring.Publish(pipe.Header(PipeKind.Reset));
        ring.Publish(ring.Write(7, record: 1) with { Deadline = MonotonicClock.Nanoseconds + 600_000_000_000 });
        ring.Publish(ring.Write(8, record: 1));
        gate.Release();
        Assert.Equal((PipeKind.Actions, 3ul), Kind(ring.Receive()));

        // The record of the observation before the reset was written over, and is refused or taken as it stands; but it is not replaced.
        Assert.Equal((PipeKind.Actions, 4ul), Kind(ring.Receive()));
        Assert.Equal((PipeKind.Reset, 5ul), Kind(ring.Receive()));
        Assert.Equal((PipeErrorCode.Replaced, 6ul), Code(ring.Receive()));
        Assert.Equal(8, pipe.First(ring.Receive()));
        Assert.Equal([1, 3, 5, 8, 8], asked);
        Assert.Equal((2, 2), (metrics.Replaced, metrics.Errors));

        static (PipeErrorCode, ulong) Code((PipeHeader Header, byte[]) answer) => (answer.Header.Code, answer.Header.Sequence);

        static (PipeKind, ulong) Kind((PipeHeader Header, byte[]) answer) => (answer.Header.Kind, answer.Header.Sequence);
    }

    /// <summary>A ring's client that writes whatever a test wants.</summary>
    private sealed unsafe class RawRing(RawPipe pipe)
    {
        private readonly byte* _memory = pipe.Memory!.Address;
        private uint _published;
        private uint _read;

        internal RingLayout Layout { get; } = RingLayout.For(pipe.Layout);

        internal ulong Guard
        {
            get => Volatile.Read(ref *(ulong*)(_memory + RingLayout.Arena + 8));
            set => Volatile.Write(ref *(ulong*)(_memory + RingLayout.Arena + 8), value);
        }

        /// <summary>Writes the first or the second record of the arena; its guard becomes even, but does not move.</summary>
        internal PipeHeader Write(float first, int record = 0)
        {
            byte[] bytes = pipe.Record(first);
            long offset = RingLayout.Arena + record * PipeLayout.Align(pipe.Layout.ObservationBytes);
            ulong guard = Volatile.Read(ref *(ulong*)(_memory + offset + 8));
            bytes.CopyTo(new Span<byte>(_memory + offset, bytes.Length));
            Volatile.Write(ref *(ulong*)(_memory + offset + 8), guard + guard % 2);
            return pipe.Header(PipeKind.Observe, bytes.Length) with { Offset = (uint)offset };
        }

        internal void Scribble(Random random) => random.NextBytes(new Span<byte>(_memory + RingLayout.Arena + 16, (int)Layout.ArenaBytes - 16));

        internal void Publish(PipeHeader header, uint by = 1, bool damage = false)
        {
            var bytes = new Span<byte>(_memory + RingLayout.RequestHeaders + _published % RingLayout.Slots * PipeHeader.Size, PipeHeader.Size);
            header.Write(bytes);
            if (damage) bytes[17] ^= 1;
            _published += by;
            RingWait.Publish((uint*)(_memory + RingLayout.RequestHead), _published, (uint*)(_memory + RingLayout.ServerSleeps));
        }

        internal (PipeHeader Header, byte[] Payload) Receive()
        {
            for (int i = 0; RingWait.While((uint*)(_memory + RingLayout.ReplyHead), _read, (uint*)(_memory + RingLayout.ClientSleeps), 0) == _read; i++)
                Assert.True(i < 600, "no reply within a minute");
            uint slot = _read++ % RingLayout.Slots;
            Assert.Equal(PipeHeaderFault.None, PipeHeader.Read(new Span<byte>(_memory + RingLayout.ReplyHeaders + slot * PipeHeader.Size, PipeHeader.Size), out var header));
            return (header, new Span<byte>(_memory + header.Offset, (int)header.Length).ToArray());
        }

        internal float Ask(float first)
        {
            Publish(Write(first));
            return pipe.First(Receive());
        }
    }
}
