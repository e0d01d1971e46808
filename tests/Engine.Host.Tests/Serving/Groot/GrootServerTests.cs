using System.Text;
using Engine.Host.Serving;
using Engine.Host.Serving.Groot;
using Engine.Host.Serving.MsgPack;
using Engine.Kernels.Ops.Philox;
using static Engine.Host.Tests.Serving.Groot.GrootMessages;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Groot;

/// <summary>GR00T's ZeroMQ protocol against a real server.</summary>
public sealed class GrootServerTests
{
    private static readonly ServeOptions s_options = Options with { ZmqPort = 0, GrootAction = "arm:6,gripper", GrootState = "pose:7,gripper" };

    [Fact]
    public async Task The_bytes_on_the_wire_are_ZMTPs_and_GR00Ts()
    {
        await using var server = await StartAsync(s_options);
        using var client = new RawZmtp(server.ZmqPort);

        // One byte at a time, as a slow network would.
        foreach (byte b in RawZmtp.Greeting) client.Send([b]);
        Assert.Equal([0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F, 3, 0, .. "NULL"u8, .. new byte[16], 0, .. new byte[31]], client.Receive(64));
        client.Send(RawZmtp.Ready);
        Assert.Equal([4, 25, 5, .. "READY"u8, 11, .. "Socket-Type"u8, 0, 0, 0, 3, .. "REP"u8], client.Receive(2 + 25));
    }

    [Fact]
    public async Task Ping_modalities_and_reset_are_answered()
    {
        await using var server = await StartAsync(s_options);
        using var client = RawZmtp.Open(server.ZmqPort);
        byte[] ping = [0x81, 0xA8, .. "endpoint"u8, 0xA4, .. "ping"u8];
        client.Send([1, 0, 0, (byte)ping.Length, .. ping]);
        byte[] pong = [0x82, 0xA6, .. "status"u8, 0xA2, .. "ok"u8, 0xA7, .. "message"u8, 0xB1, .. "Server is running"u8];
        Assert.Equal([1, 0, 0, (byte)pong.Length, .. pong], client.Receive(4 + pong.Length));

        var modalities = client.Call(new MsgPackMap { ["endpoint"] = "get_modality_config" });
        Assert.Equal(["video", "state", "action", "language"], modalities.Select(m => m.Key));
        var action = Assert.IsType<MsgPackMap>(modalities["action"]);
        Assert.Equal("{\"delta_indices\":[0,1,2],\"modality_keys\":[\"action.arm\",\"action.gripper\"]}", action["as_json"]);
        Assert.Equal(["arm", "gripper"], (object?[])Assert.IsType<MsgPackMap>(action["as_dict"])["modality_keys"]!);
        Assert.Equal(0, client.Call(new MsgPackMap { ["endpoint"] = "reset", ["data"] = new MsgPackMap { ["options"] = null } }).Count);
    }

    [Fact]
    public async Task A_flat_observation_gives_the_actions_parts_as_npy()
    {
        await using var server = await StartAsync(s_options);
        using var client = RawZmtp.Open(server.ZmqPort);
        client.Send(RawZmtp.Message(MsgPackWriter.ToBytes(new MsgPackMap { ["endpoint"] = "get_action", ["data"] = Flat(0.5f) })));

        // echo gives the state back: 0.5, 1, 2, 3, 4, 5, 6 in each of three actions.
        byte[] arm = Npy("<f4", "(3, 6)", Bytes([0.5f, 1, 2, 3, 4, 5, 0.5f, 1, 2, 3, 4, 5, 0.5f, 1, 2, 3, 4, 5])), gripper = Npy("<f4", "(3, 1)", Bytes([6, 6, 6]));
        byte[] expected =
        [
            0x82,
            0xAA, .. "action.arm"u8, 0x82, 0xB1, .. "__ndarray_class__"u8, 0xC3, 0xA6, .. "as_npy"u8, 0xC4, (byte)arm.Length, .. arm,
            0xAE, .. "action.gripper"u8, 0x82, 0xB1, .. "__ndarray_class__"u8, 0xC3, 0xA6, .. "as_npy"u8, 0xC4, (byte)gripper.Length, .. gripper,
        ];
        Assert.Equal(expected, client.ReceiveReply());
    }

    [Fact]
    public async Task A_nested_observation_gives_a_pair_with_a_batch_dimension()
    {
        await using var server = await StartAsync(s_options);
        using var client = RawZmtp.Open(server.ZmqPort);
        var nested = new MsgPackMap
        {
            ["video"] = new MsgPackMap { ["top"] = Array("|u1", "(1, 1, 6, 8, 3)", new byte[144]), ["wrist"] = Array("|u1", "(1, 1, 4, 4, 3)", new byte[48]) },
            ["state"] = new MsgPackMap { ["all"] = Array("<f4", "(1, 1, 8)", Bytes([2, 1, 2, 3, 4, 5, 6, 7])) },
            ["language"] = new MsgPackMap { ["task"] = new object?[] { new object?[] { "reach" } } },
        };
        byte[] request = MsgPackWriter.ToBytes(new MsgPackMap { ["endpoint"] = "get_action", ["data"] = new MsgPackMap { ["observation"] = nested, ["options"] = null } });
        object?[] reply = Assert.IsType<object?[]>(client.Call(request));
        Assert.Equal(2, reply.Length);
        Assert.Equal(0, Assert.IsType<MsgPackMap>(reply[1]).Count);
        var actions = Assert.IsType<MsgPackMap>(reply[0]);
        Assert.Equal(["arm", "gripper"], actions.Select(a => a.Key));
        var array = Engine.Runtime.Weights.Npy.Read((ReadOnlyMemory<byte>)Assert.IsType<MsgPackMap>(actions["arm"])["as_npy"]!);
        Assert.Equal([1, 3, 6], array.Shape);
        Assert.Equal([2f, 1, 2, 3, 4, 5], array.ToFloat32()[..6]);
    }

    [Fact]
    public async Task Echo_takes_the_names_of_its_contract_and_LIBEROs_where_told_so()
    {
        foreach (var (state, keys) in new[] { ((string?)null, "x y z qw qx qy qz gripper"), ("x,y,z,roll,pitch,yaw,gripper:2", "x y z roll pitch yaw gripper") })
        {
            await using var server = await PolicyServer.StartAsync(BuiltInPolicies.Create("echo"), Options with { ZmqPort = 0, GrootState = state });
            using var client = RawZmtp.Open(server.ZmqPort);
            var observation = new MsgPackMap
            {
                ["video.image"] = Array("|u1", "(1, 32, 48, 3)", new byte[32 * 48 * 3]),
                ["video.wrist_image"] = Array("|u1", "(1, 16, 16, 3)", new byte[16 * 16 * 3]),
                ["annotation.human.action.task_description"] = new object?[] { "reach" },
            };
            foreach (string key in keys.Split(' '))
                observation["state." + key] = key == "gripper" && state is not null ? Array("<f8", "(1, 2)", new byte[16]) : Array("<f8", "(1, 1)", BitConverter.GetBytes(2.5));
            var actions = client.Call(new MsgPackMap { ["endpoint"] = "get_action", ["data"] = observation });
            Assert.Equal(["action.x", "action.y", "action.z", "action.roll", "action.pitch", "action.yaw", "action.gripper"], actions.Select(a => a.Key));
        }
    }

    public static TheoryData<string, string> Misfits => new()
    {
        { "no data", "'data'" },
        { "no camera", "missing" },
        { "extra camera", "does not take" },
        { "two observations", "[height, width, 3]" },
        { "wrong dtype of an image", "uint8" },
        { "objects", "|O" },
        { "huge shape", "larger than" },
        { "short data", "bytes" },
        { "no npy", ".npy" },
        { "no bytes", "as_npy" },
        { "part missing", "state.pose' is missing" },
        { "part too wide", "has 2 numbers" },
        { "part unknown", "state.foot' is not known" },
        { "NaN", "NaN" },
        { "no instruction", "instruction" },
        { "two instructions", "more than one" },
        { "long instruction", "at most" },
        { "number as instruction", "string" },
        { "unknown endpoint", "unknown endpoint" },
        { "number as endpoint", "unknown endpoint" },
        { "kill", "--allow-kill" },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public async Task A_misfit_gets_a_reason_and_the_next_good_request_its_actions(string what, string said)
    {
        await using var server = await StartAsync(s_options);
        using var client = RawZmtp.Open(server.ZmqPort);
        Assert.Contains(said, client.Error(Misfit(what)), StringComparison.OrdinalIgnoreCase);
        Assert.True(client.Call(new MsgPackMap { ["data"] = Flat(1) }).ContainsKey("action.arm"));
        Assert.Equal((1, 1), (server.Metrics.Errors, server.Metrics.Requests));
    }

    [Fact]
    public async Task Malformed_msgpack_gets_a_reason()
    {
        await using var server = await StartAsync(s_options);
        using var client = RawZmtp.Open(server.ZmqPort);
        byte[] good = MsgPackWriter.ToBytes(new MsgPackMap { ["data"] = Flat(1) });
        foreach (byte[] bad in new byte[][] { [], [0xC1], [0x90], good[..^1], [.. good, 0], [.. Enumerable.Repeat((byte)0x91, 10_000)], [0xDF, 0xFF, 0xFF, 0xFF, 0xFF] })
            Assert.NotEmpty(Assert.IsType<string>(Assert.IsType<MsgPackMap>(client.Call(bad))["error"]));
        Assert.True(Assert.IsType<MsgPackMap>(client.Call(good)).ContainsKey("action.arm"));
    }

    public static TheoryData<string> BrokenPeers => ["old version", "no ZMTP", "CURVE", "wrong socket type", "no READY", "reserved flag", "no envelope", "two frames", "over the cap", "negative size", "cut", "large command", "endless envelope"];

    [Theory]
    [MemberData(nameof(BrokenPeers))]
    public async Task A_peer_that_breaks_ZMTP_is_cut_and_others_are_served(string what)
    {
        await using var server = await StartAsync(s_options with { MaxMessageBytes = 4096 });
        using (var broken = new RawZmtp(server.ZmqPort))
        {
            byte[] opened = [.. RawZmtp.Greeting, .. RawZmtp.Ready];
            byte[] bytes = what switch
            {
                "old version" => [.. RawZmtp.Greeting[..10], 1, .. RawZmtp.Greeting[11..]],
                "no ZMTP" => Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                "CURVE" => [.. RawZmtp.Greeting[..12], .. "CURVE"u8, .. new byte[47]],
                "wrong socket type" => [.. RawZmtp.Greeting, .. RawZmtp.Ready[..23], .. "PUB"u8, .. RawZmtp.Ready[26..]],
                "no READY" => [.. RawZmtp.Greeting, 0, 5, .. "READY"u8],
                "reserved flag" => [.. opened, 8, 0],
                "no envelope" => [.. opened, 0, 1, 0x80],
                "two frames" => [.. opened, 1, 0, 1, 1, 0x80, 0, 0],
                "over the cap" => [.. opened, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0x10, 1],
                "negative size" => [.. opened, 1, 0, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
                "cut" => [.. opened, 1, 0, 0, 100, 0x80],
                "large command" => [.. opened, 6, 0, 0, 0, 0, 0, 1, 0, 0],
                _ => [.. opened, .. Enumerable.Repeat<byte[]>([1, 1, 65], 20).SelectMany(f => f)],
            };
            broken.Send(bytes);
            if (what == "cut") broken.End();
            Assert.InRange(broken.ReceiveToEnd(), 0, 64 + 27);
        }

        using var client = RawZmtp.Open(server.ZmqPort);
        Assert.True(client.Call(new MsgPackMap { ["data"] = Flat(1) }).ContainsKey("action.arm"));
        Assert.Equal(1, await WithinAsync(() => server.Metrics.Sessions, 1));
        Assert.Equal(1, server.Metrics.Errors);
    }

    [Fact]
    public async Task Heartbeats_are_answered_and_envelopes_come_back()
    {
        await using var server = await StartAsync(s_options);
        using var client = RawZmtp.Open(server.ZmqPort);
        client.Send([4, 10, 4, .. "PING"u8, 0, 20, .. "abc"u8]);
        Assert.Equal([4, 8, 4, .. "PONG"u8, .. "abc"u8], client.Receive(10));

        // A router in between adds its peers' names before the empty frame.
        byte[] ping = MsgPackWriter.ToBytes(new MsgPackMap { ["endpoint"] = "ping" });
        client.Send([1, 2, 7, 8, 1, 0, 0, (byte)ping.Length, .. ping]);
        Assert.Equal([1, 2, 7, 8, 1, 0, 0], client.Receive(7));
    }

    [Fact]
    public async Task Without_its_token_nothing_is_served()
    {
        const string token = "correct horse";
        await using var server = await StartAsync(s_options with { Token = token, AllowKill = true });
        using var client = RawZmtp.Open(server.ZmqPort);
        foreach (object? wrong in new object?[] { null, "", token + "x", 5L })
        {
            foreach (string endpoint in new[] { "ping", "get_action", "kill" })
                Assert.Contains("Unauthorized", client.Error(new MsgPackMap { ["endpoint"] = endpoint, ["api_token"] = wrong }));
        }

        Assert.False(server.Killed.IsCompleted);
        Assert.True(client.Call(new MsgPackMap { ["data"] = Flat(1), ["api_token"] = token }).ContainsKey("action.arm"));
    }

    [Fact]
    public async Task Who_does_not_show_the_token_in_time_is_cut_and_who_has_may_wait()
    {
        const string token = "correct horse";
        await using var server = await StartAsync(s_options with { Token = token, MessageTimeout = TimeSpan.FromMilliseconds(500) });
        using var admitted = RawZmtp.Open(server.ZmqPort);
        var ping = new MsgPackMap { ["endpoint"] = "ping", ["api_token"] = token };
        Assert.Equal("ok", admitted.Call(ping)["status"]);
        using (var silent = RawZmtp.Open(server.ZmqPort)) Assert.Equal(0, silent.ReceiveToEnd());
        using (var slow = RawZmtp.Open(server.ZmqPort))
        {
            slow.Send(RawZmtp.Message(MsgPackWriter.ToBytes(ping)).AsSpan(..^1));
            Assert.Equal(0, slow.ReceiveToEnd());
        }

        Assert.Equal("ok", admitted.Call(ping)["status"]);
        Assert.Equal(1, await WithinAsync(() => server.Metrics.Sessions, 1));
    }

    [Fact]
    public async Task A_client_ends_the_server_only_where_that_is_allowed()
    {
        var output = new StringWriter();
        int port = 0;
        var ready = new SignalWriter(output, line => port = int.Parse(line.Split("zmq_port=")[1]));
        var running = PolicyServerProcess.RunAsync(BuiltInPolicies.Create("echo", Contract), s_options with { AllowKill = true }, ready);
        await WithinAsync(() => Volatile.Read(ref port) == 0 ? 0 : 1, 1);
        using var client = RawZmtp.Open(port);
        Assert.Equal("ok", client.Call(new MsgPackMap { ["endpoint"] = "kill" })["status"]);
        Assert.Equal(0, await running.WaitAsync(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Keys_that_do_not_make_up_the_vectors_are_refused_at_the_start()
    {
        foreach (string keys in new[] { "arm:6", "arm:6,arm:1", "arm:8", "arm:6,:1", "arm:x", "arm:0,gripper:7", "a:3:4", "" })
            Assert.Contains("groot_action", (await Assert.ThrowsAsync<ArgumentException>(() => StartAsync(s_options with { GrootAction = keys }))).Message);
    }

    [Fact]
    public async Task A_damaged_request_cannot_ask_for_much_memory()
    {
        using var policy = BuiltInPolicies.Create("echo", Contract);
        var metrics = new ServingMetrics();
        var session = new GrootSession(
            Contract, s_options, new GrootModalities(Contract, s_options), new AccessToken(null), new PolicySession(Contract, s_options, new InferenceQueue(policy, 1, metrics), 1), metrics, () => { });
        var random = new PhiloxRandom(new PhiloxKey(7, 0));
        byte[] good = MsgPackWriter.ToBytes(new MsgPackMap { ["endpoint"] = "get_action", ["data"] = Flat(1) });
        for (int round = 0; round < 2000; round++)
        {
            byte[] message = (byte[])good.Clone();
            for (int i = random.NextInt(4); i >= 0; i--) message[random.NextInt(message.Length)] = (byte)random.NextWord();
            long before = GC.GetAllocatedBytesForCurrentThread();
            var answer = session.AnswerAsync(message);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            await answer;
            Assert.InRange(allocated, 0, 1 << 20);
        }

        Assert.InRange(metrics.Errors, 500, 1999);
    }

    [Fact]
    public async Task Damaged_requests_and_random_bytes_harm_nobody()
    {
        await using var server = await StartAsync(s_options with { MaxMessageBytes = 1 << 16, MaxSessions = 8 });
        var random = new PhiloxRandom(new PhiloxKey(5, 0));
        byte[] good = MsgPackWriter.ToBytes(new MsgPackMap { ["endpoint"] = "get_action", ["data"] = Flat(1) });
        using (var client = RawZmtp.Open(server.ZmqPort))
        {
            for (int round = 0; round < 1000; round++)
            {
                byte[] message = (byte[])good.Clone();
                for (int i = random.NextInt(4); i >= 0; i--) message[random.NextInt(message.Length)] = (byte)random.NextWord();
                client.Call(message);
            }
        }

        for (int round = 0; round < 100; round++)
        {
            using var client = new RawZmtp(server.ZmqPort);
            byte[] noise = new byte[random.NextInt(200)];
            for (int i = 0; i < noise.Length; i++) noise[i] = (byte)random.NextWord();
            client.Send(round % 2 == 0 ? noise : [.. RawZmtp.Greeting, .. RawZmtp.Ready, .. noise]);
            client.End();
            client.ReceiveToEnd();
        }

        using var last = RawZmtp.Open(server.ZmqPort);
        Assert.True(Assert.IsType<MsgPackMap>(last.Call(good)).ContainsKey("action.arm"));
        Assert.Equal(1, await WithinAsync(() => server.Metrics.Sessions, 1));
    }

    [Fact]
    public async Task Sessions_run_side_by_side_and_the_end_waits_for_a_request()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new ManualResetEventSlim();
        using var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            if (observations.Instructions[0] == "wait")
            {
                entered.TrySetResult();
                go.Wait();
            }

            actions.Fill(observations.States[0]);
        });
        var server = await PolicyServer.StartAsync(policy, s_options);
        using var client = RawZmtp.Open(server.ZmqPort);
        var observation = Flat(4);
        observation["annotation.human.task_description"] = "wait";
        client.Send(RawZmtp.Message(MsgPackWriter.ToBytes(new MsgPackMap { ["data"] = observation })));
        await entered.Task;
        using (var other = RawZmtp.Open(server.ZmqPort)) Assert.Equal("ok", other.Call(new MsgPackMap { ["endpoint"] = "ping" })["status"]);
        var end = server.DisposeAsync();
        Assert.False(end.IsCompleted);
        go.Set();
        Assert.True(Assert.IsType<MsgPackMap>(MsgPackReader.Read(client.ReceiveReply())).ContainsKey("action.arm"));
        await end;
        Assert.Equal(0, client.ReceiveToEnd());
    }

    private static Task<PolicyServer> StartAsync(ServeOptions options) => PolicyServer.StartAsync(BuiltInPolicies.Create("echo", Contract), options);

    private static MsgPackMap Misfit(string what)
    {
        var data = Flat(1);
        void Without(string key) => data = Copy(data, e => e.Key != key);
        switch (what)
        {
            case "no data": return new MsgPackMap { ["endpoint"] = "get_action" };
            case "unknown endpoint": return new MsgPackMap { ["endpoint"] = "shutdown" };
            case "number as endpoint": return new MsgPackMap { ["endpoint"] = 3L };
            case "kill": return new MsgPackMap { ["endpoint"] = "kill" };
            case "no camera": Without("video.top"); break;
            case "extra camera": data["video.side"] = Array("|u1", "(1, 2, 2, 3)", new byte[12]); break;
            case "two observations": data["video.top"] = Array("|u1", "(2, 6, 8, 3)", new byte[288]); break;
            case "wrong dtype of an image": data["video.top"] = Array("<f4", "(1, 6, 8, 3)", new byte[576]); break;
            case "objects": data["video.top"] = Array("|O", "(1, 6, 8, 3)", new byte[1152]); break;
            case "huge shape": data["video.top"] = Array("|u1", "(1, 4294967296, 4294967296, 3)", new byte[144]); break;
            case "short data": data["video.top"] = Array("|u1", "(1, 6, 8, 3)", new byte[143]); break;
            case "no npy": data["video.top"] = new MsgPackMap { ["__ndarray_class__"] = true, ["as_npy"] = "PK\u0003\u0004 this is a zip"u8.ToArray() }; break;
            case "no bytes": data["video.top"] = new MsgPackMap { ["__ndarray_class__"] = true, ["as_npy"] = "text" }; break;
            case "part missing": Without("state.pose"); break;
            case "part too wide": data["state.gripper"] = Array("<f4", "(1, 2)", new byte[8]); break;
            case "part unknown": data["state.foot"] = Array("<f4", "(1, 2)", new byte[8]); break;
            case "NaN": data["state.gripper"] = Array("<f4", "(1, 1)", Bytes([float.NaN])); break;
            case "no instruction": Without("annotation.human.task_description"); break;
            case "two instructions": data["annotation.human.validity"] = "reach"; break;
            case "long instruction": data["annotation.human.task_description"] = new string('a', 1 << 20); break;
            case "number as instruction": data["annotation.human.task_description"] = 3L; break;
            default: throw new ArgumentException(what);
        }

        return new MsgPackMap { ["endpoint"] = "get_action", ["data"] = data };
    }

    /// <summary>Tells of the first line.</summary>
    private sealed class SignalWriter(TextWriter inner, Action<string> first) : TextWriter
    {
        public override Encoding Encoding => inner.Encoding;

        public override Task WriteLineAsync(string? value)
        {
            first(value!);
            return inner.WriteLineAsync(value);
        }
    }
}
