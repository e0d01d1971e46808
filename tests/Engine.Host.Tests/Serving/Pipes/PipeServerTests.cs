using System.Net.Sockets;
using System.Text;
using Engine.Client;
using Engine.Host.Serving;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Pipes;

/// <summary>Pipes over real sockets and memory: good requests, bad ones, and that the next good one is answered.</summary>
public sealed class PipeServerTests
{
    [Theory]
    [InlineData("unix", false)]
    [InlineData("unix", true)]
    [InlineData("tcp", false)]
    [InlineData("ring", false)]
    [InlineData("ring", true)]
    public async Task Actions_come_back_with_timings(string transport, bool crc)
    {
        string? prompt = null;
        byte[]? image = null;
        using var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            (prompt, image) = (observations.Instructions[0], observations.Images["wrist"].ToArray());
            for (int i = 0; i < actions.Length; i++) actions[i] = observations.States[0] + i;
        });
        await using var fixture = await PipeServerFixture.StartAsync(policy: policy);
        using var client = fixture.Client(transport, new PipeClientOptions { PayloadCrc = crc });
        Assert.Equal(transport == "ring", client.IsShared);
        Assert.Equal(["top", "wrist"], client.Layout.Cameras.Select(c => c.Name));
        Assert.Equal((3, 7, 2, 8, 10.0), (client.Layout.Horizon, client.Layout.ActionWidth, client.Layout.ReplanEvery, client.Layout.StateWidth, client.Layout.ControlHz));
        Assert.Contains("\"test\"", client.Contract);

        client.Image("wrist").Fill(7);
        client.Instruction = "reach the red cube, größer";
        for (int step = 0; step < 20; step++)
        {
            client.State[0] = step;
            var actions = client.Step(TimeSpan.FromSeconds(30));
            Assert.Equal(21, actions.Length);
            Assert.Equal((step, step + 20f), (actions[0], actions[20]));
            Assert.False(client.Late);
            Assert.InRange(client.ServerTime, client.PolicyTime, TimeSpan.FromSeconds(30));
        }

        Assert.Equal("reach the red cube, größer", prompt);
        Assert.All(image!, b => Assert.Equal(7, b));
        client.Reset();
        client.Ping();
        Assert.Equal(20, fixture.Server.Metrics.Requests);
        client.Dispose();
        Assert.Equal(0, await WithinAsync(() => fixture.Server.Metrics.Sessions, 0));
    }

    [Fact]
    public async Task A_reset_begins_the_draws_of_a_new_episode()
    {
        using var policy = new ScriptedPolicy(Contract, (_, actions, temperature, uniforms) =>
        {
            actions.Clear();
            if (temperature > 0) uniforms.CopyTo(actions);
        });
        await using var fixture = await PipeServerFixture.StartAsync(policy: policy);
        using var client = fixture.Client("unix");
        client.Temperature = 1;
        float[] first = client.Step().ToArray(), second = client.Step().ToArray();
        client.Reset();
        float[] third = client.Step().ToArray();
        Assert.NotEqual(first, second);
        Assert.NotEqual(first, third);
        Assert.All(first, u => Assert.InRange(u, 1e-9f, 1 - 1e-9f));
        client.Temperature = 0;
        Assert.Equal(0, client.Step()[0]);
        client.Temperature = -1;
        Assert.Equal(PipeErrorCode.Observation, Refusal(() => client.Step()));
    }

    [Theory]
    [InlineData("magic", PipeErrorCode.Malformed, true)]
    [InlineData("version", PipeErrorCode.Version, true)]
    [InlineData("crc", PipeErrorCode.Malformed, true)]
    [InlineData("kind", PipeErrorCode.Malformed, true)]
    [InlineData("flags", PipeErrorCode.Malformed, true)]
    [InlineData("oversize", PipeErrorCode.TooLarge, true)]
    [InlineData("payload where none is due", PipeErrorCode.TooLarge, true)]
    [InlineData("payload crc", PipeErrorCode.Malformed, false)]
    [InlineData("second hello", PipeErrorCode.Unexpected, false)]
    [InlineData("server's kind", PipeErrorCode.Unexpected, false)]
    [InlineData("replay", PipeErrorCode.Sequence, false)]
    [InlineData("stale", PipeErrorCode.Sequence, false)]
    [InlineData("session", PipeErrorCode.Session, false)]
    [InlineData("deadline", PipeErrorCode.Deadline, false)]
    [InlineData("empty", PipeErrorCode.Observation, false)]
    [InlineData("short", PipeErrorCode.Observation, false)]
    [InlineData("instruction length", PipeErrorCode.Observation, false)]
    [InlineData("utf-8", PipeErrorCode.Observation, false)]
    [InlineData("nan", PipeErrorCode.Observation, false)]
    [InlineData("temperature", PipeErrorCode.Observation, false)]
    public async Task Bad_input_gets_its_reason_and_the_next_request_its_answer(string what, PipeErrorCode code, bool closes)
    {
        await using var fixture = await PipeServerFixture.StartAsync();
        foreach (bool tcp in new[] { false, true })
        {
            using var pipe = (tcp ? RawPipe.Connect(fixture.Port) : RawPipe.Connect(fixture.Path)).Hello();
            Assert.Equal(1, pipe.Ask(1));
            pipe.Send(Bad(pipe, what));
            var (header, payload) = pipe.Receive();
            Assert.Equal((PipeKind.Error, code, closes), (header.Kind, header.Code, (header.Flags & PipeFlags.Closing) != 0));
            Assert.NotEmpty(Encoding.UTF8.GetString(payload));
            if (closes) Assert.True(pipe.Closed());
            else Assert.Equal(2, pipe.Ask(2));
            using var next = RawPipe.Connect(fixture.Path).Hello();
            Assert.Equal(3, next.Ask(3));
        }

        Assert.Equal(2, fixture.Server.Metrics.Errors);
    }

    [Fact]
    public async Task Frames_may_come_one_byte_at_a_time_or_many_at_once()
    {
        await using var fixture = await PipeServerFixture.StartAsync();
        using var pipe = RawPipe.Connect(fixture.Port);
        pipe.Socket.NoDelay = true;
        foreach (byte one in RawPipe.HelloFrame()) pipe.Send([one]);
        var welcome = pipe.Receive();
        Assert.Equal(PipeKind.Welcome, welcome.Header.Kind);
        using var second = RawPipe.Connect(fixture.Path).Hello();
        byte[] record = second.Record(4);
        foreach (byte one in RawPipe.Frame(second.Header(PipeKind.Observe, record.Length), record)) second.Send([one]);
        Assert.Equal(4, second.First(second.Receive()));

        byte[] many = [.. Enumerable.Range(0, 50).SelectMany(_ => RawPipe.Frame(second.Header(PipeKind.Observe, record.Length), record))];
        second.Send(many);
        for (int i = 1; i <= 50; i++)
        {
            // Where the policy was slow for once, those that waited may have been replaced.
            var header = second.Receive().Header;
            if (i == 50 || header.Code != PipeErrorCode.Replaced) Assert.Equal(PipeKind.Actions, header.Kind);
        }
    }

    [Fact]
    public async Task What_comes_first_must_be_a_hello_and_come_whole()
    {
        await using var fixture = await PipeServerFixture.StartAsync(o => o with { MessageTimeout = TimeSpan.FromMilliseconds(300) });
        using (var pipe = RawPipe.Connect(fixture.Path))
        {
            pipe.Send(RawPipe.Frame(new PipeHeader { Kind = PipeKind.Ping, Sequence = 1 }, []));
            Assert.Equal(PipeErrorCode.Unexpected, pipe.Receive().Header.Code);
            Assert.True(pipe.Closed());
        }

        using (var pipe = RawPipe.Connect(fixture.Path))
        {
            byte[] hello = RawPipe.HelloFrame("x");
            RawPipe.Frame(new PipeHeader { Kind = PipeKind.Hello, Length = 17, Flags = PipeFlags.PayloadCrc, PayloadCrc = 1 }, hello.AsSpan(PipeHeader.Size)).CopyTo(hello, 0);
            pipe.Send(hello);
            var (header, _) = pipe.Receive();
            Assert.Equal((PipeErrorCode.Malformed, PipeFlags.Closing), (header.Code, header.Flags));
        }

        using (var pipe = RawPipe.Connect(fixture.Path).Hello())
        {
            byte[] record = pipe.Record();
            pipe.Send(RawPipe.Frame(pipe.Header(PipeKind.Observe, record.Length), record).AsSpan(0, 100));
            Assert.Equal(PipeErrorCode.Timeout, pipe.Receive().Header.Code);
            Assert.True(pipe.Closed());
        }

        using var good = fixture.Client("unix");
        good.Step();
    }

    [Fact]
    public async Task A_client_that_dies_mid_frame_leaves_nothing_behind()
    {
        await using var fixture = await PipeServerFixture.StartAsync();
        foreach (int length in new[] { 0, 1, 63, 64, 65, 200 })
        {
            using (var pipe = RawPipe.Connect(fixture.Path).Hello())
            {
                byte[] record = pipe.Record();
                pipe.Send(RawPipe.Frame(pipe.Header(PipeKind.Observe, record.Length), record).AsSpan(0, length));
            }

            using var ring = fixture.Client("ring");
            ring.Step();
        }

        Assert.Equal(0, await WithinAsync(() => fixture.Server.Metrics.Sessions, 0));
        using var good = fixture.Client("unix");
        good.Step();
    }

    [Fact]
    public async Task Over_tcp_the_token_counts()
    {
        const string token = "correct horse";
        await using var fixture = await PipeServerFixture.StartAsync(o => o with { Token = token });
        foreach (string? wrong in new[] { null, "wrong horse!", token + "x", token[..^1] })
            Assert.Equal(PipeErrorCode.Unauthorised, Refusal(() => fixture.Client("tcp", new PipeClientOptions { Token = wrong })));
        using (var client = fixture.Client("tcp", new PipeClientOptions { Token = token })) client.Step();
        using var own = fixture.Client("unix");
        own.Step();
    }

    [Fact]
    public async Task Sessions_are_counted_with_those_of_the_other_protocols()
    {
        await using var fixture = await PipeServerFixture.StartAsync(o => o with { MaxSessions = 1 });
        using (var first = fixture.Client("unix"))
        {
            first.Step();
            Assert.Equal(PipeErrorCode.Unavailable, Refusal(() => fixture.Client("tcp")));
        }

        Assert.Equal(0, await WithinAsync(() => fixture.Server.Metrics.Sessions, 0));
        using var next = fixture.Client("tcp");
        next.Step();
    }

    [Theory]
    [InlineData("unix")]
    [InlineData("ring")]
    public async Task A_failure_of_the_policy_is_told_and_the_session_goes_on(string transport)
    {
        using var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            if (observations.States[0] == 13) throw new InvalidOperationException("unlucky");
            actions.Fill(observations.States[0] == 14 ? float.NaN : 1);
        });
        await using var fixture = await PipeServerFixture.StartAsync(policy: policy);
        using var client = fixture.Client(transport);
        client.State[0] = 13;
        Assert.Equal(PipeErrorCode.Policy, Refusal(() => client.Step()));
        client.State[0] = 14;
        Assert.Equal(PipeErrorCode.Observation, Refusal(() => client.Step()));
        client.State[0] = 1;
        Assert.Equal(1, client.Step()[0]);
    }

    [Theory]
    [InlineData("tcp")]
    [InlineData("ring")]
    public async Task Actions_after_the_budget_say_so(string transport)
    {
        var budget = TimeSpan.FromSeconds(1);
        bool slow = false;
        using var policy = new ScriptedPolicy(Contract, (_, actions, _, _) =>
        {
            actions.Clear();
            if (slow) Thread.Sleep(budget);
        });
        await using var fixture = await PipeServerFixture.StartAsync(policy: policy);
        using var client = fixture.Client(transport);
        slow = true;
        client.Step(budget);
        Assert.True(client.Late);
        slow = false;
        client.Step();
        Assert.False(client.Late);
    }

    [Theory]
    [InlineData("unix")]
    [InlineData("ring")]
    public async Task At_the_end_a_request_in_progress_is_answered(string transport)
    {
        using var entered = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim(true);
        using var policy = new ScriptedPolicy(Contract, (_, actions, _, _) =>
        {
            entered.Set();
            gate.Wait();
            actions.Fill(5);
        });
        await using var fixture = await PipeServerFixture.StartAsync(policy: policy);
        using var idle = fixture.Client("tcp");
        using var busy = fixture.Client(transport);
        gate.Reset();
        entered.Reset();
        var reply = Task.Run(() => busy.Step()[0]);
        entered.Wait(TestContext.Current.CancellationToken);
        var ending = fixture.Server.DisposeAsync().AsTask();
        await Task.Delay(50);
        Assert.False(ending.IsCompleted);
        gate.Set();
        Assert.Equal(5, await reply);
        Assert.Throws<IOException>(() => idle.Step());
        await ending.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.False(File.Exists(fixture.Path));
        Assert.ThrowsAny<SocketException>(() => fixture.Client("unix"));
    }

    [Fact]
    public async Task The_sockets_file_is_the_owners_and_only_a_dead_one_is_replaced()
    {
        await using var fixture = await PipeServerFixture.StartAsync();
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(fixture.Path));
        using var policy = BuiltInPolicies.Create("echo", Contract);
        var error = await Assert.ThrowsAsync<IOException>(() => PolicyServer.StartAsync(policy, Options with { UnixPath = fixture.Path }));
        Assert.Contains("another server", error.Message);
        using (var client = fixture.Client("unix")) client.Step();

        string dead = fixture.Path + "2", file = fixture.Path + "3";
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)) Bind(socket, dead);
        await using (var replaced = await PolicyServer.StartAsync(policy, Options with { UnixPath = dead }))
        {
            using var client = PipeClient.ConnectUnix(dead);
            client.Step();
        }

        File.WriteAllText(file, "mine");
        error = await Assert.ThrowsAsync<IOException>(() => PolicyServer.StartAsync(policy, Options with { UnixPath = file }));
        Assert.Contains("no socket", error.Message);
        Assert.Equal("mine", File.ReadAllText(file));
        error = await Assert.ThrowsAsync<IOException>(() => PolicyServer.StartAsync(policy, Options with { UnixPath = dead + new string('x', 100) }));
        Assert.Contains("107 bytes", error.Message);

        static void Bind(Socket socket, string path)
        {
            // The base library removes the file of a socket that it bound; one that died leaves it.
            socket.Bind(new UnixDomainSocketEndPoint(path + "x"));
            File.Move(path + "x", path);
        }
    }

    [Fact]
    public async Task Options_that_contradict_themselves_are_refused()
    {
        using var policy = BuiltInPolicies.Create("echo", Contract);
        Assert.Contains("--unix", (await Assert.ThrowsAsync<ArgumentException>(() => PolicyServer.StartAsync(policy, Options with { SharedMemory = true }))).Message);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => PolicyServer.StartAsync(policy, Options with { PipePort = 65536 }));
        await using var fixture = await PipeServerFixture.StartAsync(o => o with { SharedMemory = false });
        Assert.Equal(PipeErrorCode.Unavailable, Refusal(() => fixture.Client("ring")));
    }

    internal static PipeErrorCode Refusal(Action action) => Assert.Throws<PipeServerException>(action).Code;

    private static byte[] Bad(RawPipe pipe, string what)
    {
        byte[] record = pipe.Record(9);
        var observe = pipe.Header(PipeKind.Observe, record.Length);
        byte[] good = RawPipe.Frame(observe, record);
        switch (what)
        {
            case "magic":
                good[0] ^= 1;
                return good;
            case "version":
                good[4] = 2;
                BitConverter.TryWriteBytes(good.AsSpan(60), Crc32C.Compute(good.AsSpan(0, 60)));
                return good;
            case "crc":
                good[20] ^= 1;
                return good;
            case "kind":
                return RawPipe.Frame(observe with { Kind = (PipeKind)77 }, record);
            case "flags":
                return RawPipe.Frame(observe with { Flags = (PipeFlags)64 }, record);
            case "oversize":
                return RawPipe.Frame(observe with { Length = uint.MaxValue }, []);
            case "payload where none is due":
                return RawPipe.Frame(observe with { Kind = PipeKind.Ping }, record);
            case "payload crc":
                return RawPipe.Frame(observe with { Flags = PipeFlags.PayloadCrc, PayloadCrc = 1 }, record);
            case "second hello":
                return RawPipe.HelloFrame();
            case "server's kind":
                return RawPipe.Frame(pipe.Header(PipeKind.Actions), []);
            case "replay":
                return RawPipe.Frame(observe with { Sequence = observe.Sequence - 1 }, record);
            case "stale":
                return RawPipe.Frame(observe with { Sequence = 0 }, record);
            case "session":
                return RawPipe.Frame(observe with { Session = pipe.Session + 1 }, record);
            case "deadline":
                return RawPipe.Frame(observe with { Deadline = 1 }, record);
            case "empty":
                return RawPipe.Frame(observe with { Length = 0 }, []);
            case "short":
                return RawPipe.Frame(observe with { Length = 70 }, record.AsSpan(0, 70));
            case "instruction length":
                BitConverter.TryWriteBytes(record, uint.MaxValue);
                return RawPipe.Frame(observe, record);
            case "utf-8":
                record[^1] = 0xFF;
                return RawPipe.Frame(observe, record);
            case "nan":
                BitConverter.TryWriteBytes(record.AsSpan(pipe.Layout.StateOffset), float.NaN);
                return RawPipe.Frame(observe, record);
            case "temperature":
                BitConverter.TryWriteBytes(record.AsSpan(4), float.PositiveInfinity);
                return RawPipe.Frame(observe, record);
            default:
                throw new ArgumentOutOfRangeException(nameof(what), what, "no such case");
        }
    }
}
