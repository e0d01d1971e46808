using System.Collections.Concurrent;
using System.Net.Sockets;
using Engine.Client;
using Engine.Host.Serving;
using Engine.Runtime.Contract;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Pipes;

/// <summary>Clients that send before they have their answers: the newest observation wins where the older one still waits, and every request is answered once, in order.</summary>
public sealed class NewestObservationTests
{
    [Theory]
    [InlineData("unix")]
    [InlineData("tcp")]
    public async Task A_newer_observation_takes_the_place_of_one_that_waits(string transport)
    {
        await using var busy = await BusyServer.StartAsync();
        using var pipe = busy.Connect(transport);
        ulong second = Observe(pipe, 2);
        Assert.Equal(1, await WithinAsync(() => busy.Metrics.Waiting, 1));
        using var behind = busy.Connect(transport);
        Observe(behind, 9);
        Assert.Equal(2, await WithinAsync(() => busy.Metrics.Waiting, 2));
        ulong third = Observe(pipe, 3);
        Assert.Equal((PipeErrorCode.Replaced, second), Refused(pipe.Receive()));
        ulong fourth = Observe(pipe, 4);
        Assert.Equal((PipeErrorCode.Replaced, third), Refused(pipe.Receive()));
        Assert.Equal(2, await WithinAsync(() => busy.Metrics.Waiting, 2));

        await busy.FreeAsync();
        Assert.Equal((4, fourth), Answered(pipe.Receive()));
        Assert.Equal(9, Answered(behind.Receive()).First);
        Assert.Equal([1, 4, 9], busy.Asked);
        Assert.Equal((2, 2), (busy.Metrics.Replaced, busy.Metrics.Errors));
        Assert.Equal(5, pipe.Ask(5));
    }

    /// <summary>Frames are larger than what a socket holds: when one has been sent, the one before it has been received.</summary>
    [Fact]
    public async Task One_that_has_begun_is_answered_and_then_the_last_of_those_that_came_meanwhile()
    {
        await using var busy = await BusyServer.StartAsync(Contract with { Cameras = [new CameraSpec("top", 1024, 1024)] });
        using var pipe = busy.Connect("unix");
        await busy.FreeAsync();
        var numbers = new List<ulong> { Observe(pipe, 1) };
        await busy.EnteredAsync();
        for (int i = 2; i <= 6; i++) numbers.Add(Observe(pipe, i));
        busy.Free();
        Assert.Equal((1, numbers[0]), Answered(pipe.Receive()));
        for (int i = 1; i <= 3; i++) Assert.Equal((PipeErrorCode.Replaced, numbers[i]), Refused(pipe.Receive()));

        // Whether the last has come whole when the policy is free is the system's secret.
        var fifth = pipe.Receive();
        Assert.Equal(numbers[4], fifth.Header.Sequence);
        Assert.True(fifth.Header.Kind == PipeKind.Actions || fifth.Header.Code == PipeErrorCode.Replaced);
        Assert.Equal((6, numbers[5]), Answered(pipe.Receive()));
        Assert.Equal(7, pipe.Ask(7));
    }

    [Fact]
    public async Task Nothing_is_replaced_across_the_end_of_an_episode()
    {
        await using var busy = await BusyServer.StartAsync();
        using var pipe = busy.Connect("unix");
        ulong before = Observe(pipe, 2);
        Assert.Equal(1, await WithinAsync(() => busy.Metrics.Waiting, 1));
        pipe.Send(RawPipe.Frame(pipe.Header(PipeKind.Reset), []));
        ulong after = Observe(pipe, 3);
        await busy.FreeAsync();
        Assert.Equal((2, before), Answered(pipe.Receive()));
        Assert.Equal(PipeKind.Reset, pipe.Receive().Header.Kind);
        Assert.Equal((3, after), Answered(pipe.Receive()));
        Assert.Equal(0, busy.Metrics.Replaced);
    }

    [Theory]
    [InlineData("stale", PipeErrorCode.Sequence)]
    [InlineData("session", PipeErrorCode.Session)]
    [InlineData("payload crc", PipeErrorCode.Malformed)]
    [InlineData("deadline", PipeErrorCode.Deadline)]
    [InlineData("kind", PipeErrorCode.Unexpected)]
    [InlineData("magic", PipeErrorCode.Malformed)]
    public async Task What_is_no_newer_observation_replaces_nothing_and_is_refused_in_its_turn(string what, PipeErrorCode code)
    {
        await using var busy = await BusyServer.StartAsync();
        using var pipe = busy.Connect("unix");
        ulong good = Observe(pipe, 2);
        Assert.Equal(1, await WithinAsync(() => busy.Metrics.Waiting, 1));
        byte[] record = pipe.Record(3);
        var header = pipe.Header(PipeKind.Observe, record.Length);
        byte[] bad = what switch
        {
            "stale" => RawPipe.Frame(header with { Sequence = good }, record),
            "session" => RawPipe.Frame(header with { Session = header.Session + 1 }, record),
            "payload crc" => RawPipe.Frame(header with { Flags = PipeFlags.PayloadCrc, PayloadCrc = 1 }, record),
            "deadline" => RawPipe.Frame(header with { Deadline = 1 }, record),
            "kind" => RawPipe.HelloFrame(),
            _ => new byte[PipeHeader.Size],
        };
        pipe.Send(bad);
        if (what != "magic") Observe(pipe, 4);
        await busy.FreeAsync();
        Assert.Equal((2, good), Answered(pipe.Receive()));
        Assert.Equal(code, pipe.Receive().Header.Code);
        if (what == "magic") Assert.True(pipe.Closed());
        else Assert.Equal(4, Answered(pipe.Receive()).First);
        Assert.Equal((0, 1), (busy.Metrics.Replaced, busy.Metrics.Errors));
    }

    [Fact]
    public async Task Half_a_frame_replaces_nothing_and_is_answered_when_the_rest_has_come()
    {
        await using var busy = await BusyServer.StartAsync();
        using var pipe = busy.Connect("unix");
        Observe(pipe, 2);
        Assert.Equal(1, await WithinAsync(() => busy.Metrics.Waiting, 1));
        byte[] record = pipe.Record(3);
        byte[] frame = RawPipe.Frame(pipe.Header(PipeKind.Observe, record.Length), record);
        pipe.Send(frame.AsSpan(0, 100));
        await busy.FreeAsync();
        Assert.Equal(2, Answered(pipe.Receive()).First);
        pipe.Send(frame.AsSpan(100));
        Assert.Equal(3, Answered(pipe.Receive()).First);
    }

    [Fact]
    public async Task Half_a_frame_that_stays_half_ends_the_connection_after_the_answer_before_it()
    {
        await using var busy = await BusyServer.StartAsync(change: o => o with { MessageTimeout = TimeSpan.FromMilliseconds(300) });
        using var pipe = busy.Connect("unix");
        Observe(pipe, 2);
        Assert.Equal(1, await WithinAsync(() => busy.Metrics.Waiting, 1));
        pipe.Send(RawPipe.Frame(pipe.Header(PipeKind.Observe, 100), []));
        await Task.Delay(600);
        await busy.FreeAsync();
        Assert.Equal(2, Answered(pipe.Receive()).First);
        Assert.Equal(PipeErrorCode.Timeout, pipe.Receive().Header.Code);
        Assert.True(pipe.Closed());
    }

    [Fact]
    public async Task A_client_that_will_send_no_more_still_gets_its_answer()
    {
        await using var busy = await BusyServer.StartAsync();
        using var pipe = busy.Connect("unix");
        Observe(pipe, 2);
        Observe(pipe, 3);
        pipe.Socket.Shutdown(SocketShutdown.Send);
        Assert.Equal(1, await WithinAsync(() => busy.Metrics.Replaced, 1));
        await busy.FreeAsync();
        Assert.Equal(PipeErrorCode.Replaced, Refused(pipe.Receive()).Code);
        Assert.Equal(3, Answered(pipe.Receive()).First);
        Assert.True(pipe.Closed());
    }

    [Fact]
    public async Task A_client_that_dies_while_its_request_waits_is_freed()
    {
        await using var busy = await BusyServer.StartAsync();
        using (var pipe = busy.Connect("unix"))
        {
            Observe(pipe, 2);
            Assert.Equal(1, await WithinAsync(() => busy.Metrics.Waiting, 1));
            pipe.Send(RawPipe.Frame(pipe.Header(PipeKind.Observe, 100), []));
        }

        await busy.FreeAsync();
        Assert.Equal(1, await WithinAsync(() => busy.Metrics.Sessions, 1));
        using var next = busy.Connect("unix");
        Assert.Equal(3, next.Ask(3));
    }

    [Theory]
    [InlineData("unix")]
    [InlineData("tcp")]
    public async Task Every_request_of_a_flood_is_answered_once_and_in_order(string transport)
    {
        const int Clients = 4, Requests = 400;
        using var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            Thread.Sleep(1);
            int each = actions.Length / observations.Count;
            for (int i = 0; i < observations.Count; i++) actions.Slice(i * each, each).Fill(observations.States[i * Contract.StateNames.Length]);
        });
        await using var fixture = await PipeServerFixture.StartAsync(policy: policy);
        int[] replaced = await Task.WhenAll(Enumerable.Range(0, Clients).Select(number => Task.Run(() => Flood(number))));
        Assert.InRange(replaced.Sum(), 1, Clients * (Requests - 1));
        Assert.Equal(replaced.Sum(), fixture.Server.Metrics.Replaced);
        Assert.Equal(Clients * Requests, fixture.Server.Metrics.Requests + fixture.Server.Metrics.Errors);

        int Flood(int number)
        {
            var random = new Random(number);
            using var pipe = (transport == "unix" ? RawPipe.Connect(fixture.Path) : RawPipe.Connect(fixture.Port)).Hello();
            var sending = Task.Run(() =>
            {
                for (int i = 1; i <= Requests; i++)
                {
                    Observe(pipe, 1000 * number + i);
                    if (random.Next(20) == 0) Thread.Sleep(2);
                }
            });
            int replaced = 0;
            for (int i = 1; i <= Requests; i++)
            {
                var answer = pipe.Receive();
                Assert.Equal((ulong)i, answer.Header.Sequence);
                if (answer.Header.Kind == PipeKind.Error && i < Requests)
                {
                    Assert.Equal(PipeErrorCode.Replaced, answer.Header.Code);
                    replaced++;
                    continue;
                }

                Assert.Equal(1000 * number + i, Answered(answer).First);
            }

            sending.GetAwaiter().GetResult();
            return replaced;
        }
    }

    private static ulong Observe(RawPipe pipe, float first)
    {
        byte[] record = pipe.Record(first);
        var header = pipe.Header(PipeKind.Observe, record.Length);
        pipe.Send(RawPipe.Frame(header, record));
        return header.Sequence;
    }

    private static (PipeErrorCode Code, ulong Sequence) Refused((PipeHeader Header, byte[] Payload) answer)
    {
        Assert.Equal((PipeKind.Error, PipeFlags.None), (answer.Header.Kind, answer.Header.Flags));
        Assert.Equal("replaced by a newer observation before the policy was asked", System.Text.Encoding.UTF8.GetString(answer.Payload));
        return (answer.Header.Code, answer.Header.Sequence);
    }

    private static (float First, ulong Sequence) Answered((PipeHeader Header, byte[] Payload) answer)
    {
        Assert.Equal(PipeKind.Actions, answer.Header.Kind);
        return (BitConverter.ToSingle(answer.Payload, PipeLayout.RecordHead), answer.Header.Sequence);
    }

    /// <summary>A server whose policy is busy with a client's observation of state 1, one at a time, until it is freed.</summary>
    private sealed class BusyServer : IAsyncDisposable
    {
        private readonly SemaphoreSlim _entered = new(0);
        private readonly SemaphoreSlim _gate = new(0);
        private PipeServerFixture _fixture = null!;
        private RawPipe _blocking = null!;

        internal ServingMetrics Metrics => _fixture.Server.Metrics;

        internal ConcurrentQueue<float> Asked { get; } = new();

        internal static async Task<BusyServer> StartAsync(PolicyContract? contract = null, Func<ServeOptions, ServeOptions>? change = null)
        {
            var busy = new BusyServer();
            var policy = new ScriptedPolicy(contract ?? Contract, (observations, actions, _, _) =>
            {
                busy.Asked.Enqueue(observations.States[0]);
                if (observations.States[0] == 1)
                {
                    busy._entered.Release();
                    busy._gate.Wait();

                    // Slow enough that the policy is asked on its own thread from now on, however quick the test is: a session's thread that is inside it looks at nothing.
                    Thread.Sleep(20);
                }

                actions.Fill(observations.States[0]);
            });
            busy._fixture = await PipeServerFixture.StartAsync(o => (change?.Invoke(o) ?? o) with { MaxBatch = 1 }, policy);
            busy.Asked.Clear();
            busy._blocking = busy.Connect("unix");
            Observe(busy._blocking, 1);
            await busy.EnteredAsync();
            return busy;
        }

        internal RawPipe Connect(string transport) => (transport == "tcp" ? RawPipe.Connect(_fixture.Port) : RawPipe.Connect(_fixture.Path)).Hello();

        internal Task EnteredAsync() => _entered.WaitAsync();

        internal void Free() => _gate.Release();

        internal async Task FreeAsync()
        {
            Free();
            await Task.Run(() => Assert.Equal(1, Answered(_blocking.Receive()).First));
        }

        public async ValueTask DisposeAsync()
        {
            Free();
            _blocking.Dispose();
            await _fixture.DisposeAsync();
        }
    }
}
