using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Engine.Host.Serving;
using Engine.Host.Serving.LeRobot;
using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Weights;
using static Engine.Host.Tests.Serving.LeRobot.LeRobotMessages;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.LeRobot;

/// <summary>LeRobot's gRPC service against a real server.</summary>
public sealed class LeRobotServiceTests
{
    private const int InvalidArgument = 3, NotFound = 5, ResourceExhausted = 8, FailedPrecondition = 9, Unimplemented = 12, Internal = 13, Unavailable = 14, Unauthenticated = 16;
    private static readonly ServeOptions s_options = Options with { GrpcPort = 0 };
    private static readonly byte[] s_empty = RawGrpc.Framed([]);

    [Fact]
    public async Task The_reply_is_the_pickle_that_upstream_loads()
    {
        await using var server = await StartAsync();
        using var client = await OpenAsync(server, Config(actions: 2));
        Assert.Empty(await client.GoodAsync("SendObservations", Chunk(3, Timed())));
        byte[] reply = await client.GoodAsync("GetActions", s_empty);

        // TimedAction, _rebuild_tensor_v2, the storage and OrderedDict() are made, kept as 0 … 3 and dropped; then a list of two instances.
        float[] chunk = [0.5f, 1, 2, 3, 4, 5, 6, 0.5f, 1, 2, 3, 4, 5, 6];
        byte[] Protocol2(params byte[] code) => [0x80, 2, .. code, (byte)'.'];
        byte[] BinUnicode(string text) => [(byte)'X', .. BitConverter.GetBytes(text.Length), .. text.Select(c => (byte)c)];
        byte[] storage =
        [
            .. Protocol2(0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19), // 0x1950a86a20f9469cfc6c
            .. Protocol2([.. Integer(1001)]),
            .. Protocol2([.. "}("u8, .. BinUnicode("protocol_version"), .. Integer(1001), .. BinUnicode("little_endian"), 0x88, .. BinUnicode("type_sizes"), .. "}("u8,
                .. BinUnicode("short"), .. Integer(2), .. BinUnicode("int"), .. Integer(4), .. BinUnicode("long"), .. Integer(4), .. "uu"u8]),
            .. Protocol2([.. "("u8, .. BinUnicode("storage"), .. "ctorch\nFloatStorage\n"u8, .. BinUnicode("0"), .. BinUnicode("cpu"), .. Integer(14), .. "NtQ"u8]),
            .. Protocol2([.. "]"u8, .. BinUnicode("0"), .. "a"u8]),
            14, 0, 0, 0, 0, 0, 0, 0, .. MemoryMarshal.AsBytes<float>(chunk),
        ];
        byte[] Action(double timestamp, int timestep, int offset) =>
        [
            .. "h\0)"u8, 0x81, .. "}("u8, // BINGET 0, EMPTY_TUPLE, NEWOBJ, EMPTY_DICT, MARK
            .. BinUnicode("timestamp"), .. Float(timestamp), .. BinUnicode("timestep"), .. Integer(timestep), .. BinUnicode("action"),
            .. "h\u0001(h\u0002"u8, .. Integer(offset), .. Integer(7), 0x85, .. Integer(1), 0x85, 0x89, .. "h\u0003tR"u8, // (storage, offset, (7,), (1,), False, hooks)
            .. "ub"u8,
        ];
        byte[] expected =
        [
            0x80, 4,
            .. "clerobot.async_inference.helpers\nTimedAction\nq\0"u8, (byte)'0',
            .. "ctorch._utils\n_rebuild_tensor_v2\nq\u0001"u8, (byte)'0',
            .. "ctorch.storage\n_load_from_bytes\n"u8, .. Bytes(storage), 0x85, .. "Rq\u0002"u8, (byte)'0',
            .. "ccollections\nOrderedDict\n)Rq\u0003"u8, (byte)'0',
            .. "]("u8, .. Action(100, 7, 0), .. Action(100.1, 8, 7), .. "e."u8,
        ];
        Assert.Equal(Field(0x0A, expected), reply);
        Assert.Equal((1, 0), (server.Metrics.Requests, server.Metrics.Errors));
    }

    [Theory]
    [InlineData(Module)]
    [InlineData("lerobot.scripts.server.helpers")]
    public async Task Chunks_make_one_observation_and_old_clients_get_their_own_classes(string module)
    {
        await using var server = await StartAsync();
        using var client = await OpenAsync(server, Config(module: module));
        byte[] pickle = Timed(first: 2, module: module);
        byte[] body = [.. Chunk(1, pickle.AsSpan(0, 100)), .. Chunk(2, []), .. Chunk(2, pickle.AsSpan(100, 50)), .. Chunk(3, pickle.AsSpan(150))];
        await client.GoodAsync("SendObservations", body);
        var actions = await ActionsAsync(client, module);
        Assert.Equal([7, 8, 9], actions.Select(a => a.Timestep));
        Assert.Equal([2, 1, 2, 3, 4, 5, 6], actions[2].Values);
    }

    [Fact]
    public async Task The_newest_observation_wins_and_an_answered_timestep_is_passed_over()
    {
        await using var server = await StartAsync();
        using var client = await OpenAsync(server, Config());
        for (int i = 0; i < 5; i++) await client.GoodAsync("SendObservations", Chunk(3, Timed(first: i, timestep: i, mustGo: false)));
        Assert.Equal((4, 4f), First(await ActionsAsync(client)));
        Assert.Equal(4, server.Metrics.Replaced);

        await client.GoodAsync("SendObservations", Chunk(3, Timed(first: 9, timestep: 4, mustGo: false)));
        Assert.Empty(await client.GoodAsync("GetActions", s_empty));
        await client.GoodAsync("SendObservations", Chunk(3, Timed(first: 9, timestep: 4, mustGo: true)));
        Assert.Equal((4, 9f), First(await ActionsAsync(client)));

        await client.GoodAsync("Ready", s_empty);
        await client.GoodAsync("SendObservations", Chunk(3, Timed(first: 8, timestep: 4, mustGo: false)));
        Assert.Equal((4, 8f), First(await ActionsAsync(client)));
    }

    [Fact]
    public async Task GetActions_waits_for_an_observation()
    {
        await using var server = await StartAsync();
        using var client = await OpenAsync(server, Config());
        var waiting = client.GoodAsync("GetActions", s_empty);
        await client.GoodAsync("SendObservations", Chunk(3, Timed()));
        byte[] reply = await waiting;
        Assert.NotEmpty(reply.Length == 0 ? await client.GoodAsync("GetActions", s_empty) : reply);
    }

    [Fact]
    public async Task Only_the_served_policy_is_had_and_paths_are_names_like_others()
    {
        await using var server = await StartAsync();
        using var client = await OpenAsync(server, null);
        foreach (string path in new[] { "user/model", "/etc/passwd", "../echo", "", "echo/", new string('a', 100_000) })
        {
            var (status, message, _) = await client.CallAsync("SendPolicyInstructions", Setup(Config(path)));
            Assert.Equal(NotFound, status);
            Assert.Contains("--pretrained_name_or_path=echo", message);
        }

        Assert.Equal(FailedPrecondition, (await client.CallAsync("SendObservations", Chunk(3, Timed()))).Status);
        await client.GoodAsync("SendPolicyInstructions", Setup(Config()));
        await client.GoodAsync("SendObservations", Chunk(3, Timed()));
        await ActionsAsync(client);
    }

    public static TheoryData<string, string> BadInstructions => new()
    {
        { "a list", "no RemotePolicyConfig" },
        { "an observation", "no RemotePolicyConfig" },
        { "os.system", "nothing was executed" },
        { "builtins.eval", "nothing was executed" },
        { "another class", "nothing was executed" },
        { "no features", "lerobot_features" },
        { "no actions", "actions_per_chunk" },
        { "actions in words", "actions_per_chunk" },
        { "names missing", "names" },
        { "cut short", "not valid" },
        { "bytes after", "follow" },
        { "empty", "too early" },
        { "deep", "nested" },
        { "itself", "nested" },
    };

    [Theory]
    [MemberData(nameof(BadInstructions))]
    public async Task Bad_instructions_get_a_reason_and_good_ones_are_taken(string what, string said)
    {
        await using var server = await StartAsync();
        using var client = await OpenAsync(server, null);
        byte[] good = Config();
        byte[] bad = what switch
        {
            "a list" => Pickle(List(Integer(1))),
            "an observation" => Timed(),
            "os.system" => Pickle([.. Text("os"), .. Text("system"), 0x93, .. Text("touch PWNED"), 0x85, (byte)'R']),
            "builtins.eval" => [0x80, 2, .. "cbuiltins\neval\n"u8, .. Text("1"), 0x85, .. "R."u8],
            "another class" => Pickle(Instance(Module, "RobotClientConfig", Dictionary())),
            "no features" => Pickle(Instance(Module, "RemotePolicyConfig", Dictionary(("actions_per_chunk", Integer(1)), ("pretrained_name_or_path", Text("echo"))))),
            "no actions" => Config(actions: 0),
            "actions in words" => Pickle(Instance(Module, "RemotePolicyConfig", Dictionary(("actions_per_chunk", Text("ten"))))),
            "names missing" => Pickle(Instance(Module, "RemotePolicyConfig", Dictionary(
                ("actions_per_chunk", Integer(1)), ("pretrained_name_or_path", Text("echo")), ("lerobot_features", Dictionary(("observation.state", Dictionary())))))),
            "cut short" => good[..^20],
            "bytes after" => [.. good, 0],
            "empty" => [],
            "deep" => Pickle([.. Enumerable.Repeat((byte)']', 10_000), .. Enumerable.Repeat((byte)'a', 9_999)]),
            _ => [0x80, 2, .. "]q\0h\0a."u8],
        };
        var (status, message, _) = await client.CallAsync("SendPolicyInstructions", Setup(bad));
        Assert.Equal(InvalidArgument, status);
        Assert.Contains(said, message);
        Assert.False(File.Exists("PWNED"));
        await client.GoodAsync("SendPolicyInstructions", Setup(good));
        Assert.Equal(1, server.Metrics.Errors);
    }

    public static TheoryData<string, string> BadObservations => new()
    {
        { "motor missing", "'m2.pos' is missing" },
        { "motor in words", "'m2.pos' is missing or no number" },
        { "motor NaN", "NaN" },
        { "motor beyond float32", "Infinity" },
        { "camera missing", "'front' is missing" },
        { "camera a list", "'front' is missing or no array" },
        { "camera of floats", "uint8" },
        { "camera of objects", "objects and text are not" },
        { "camera of text", "objects and text are not" },
        { "camera flat", "[height, width, 3]" },
        { "camera begun", "never filled" },
        { "camera short", "bytes" },
        { "camera huge", "bytes" },
        { "camera negative", "bytes" },
        { "task missing", "instruction" },
        { "task a number", "string" },
        { "task long", "at most" },
        { "timestep negative", "out of range" },
        { "timestamp infinite", "out of range" },
    };

    [Theory]
    [MemberData(nameof(BadObservations))]
    public async Task A_bad_observation_gets_a_reason_and_the_next_good_one_its_actions(string what, string said)
    {
        await using var server = await StartAsync();
        using var client = await OpenAsync(server, Config());
        byte[]? value = what switch
        {
            "motor in words" => Text("two"),
            "motor NaN" => Float(double.NaN),
            "motor beyond float32" => Float(1e300),
            "camera a list" => List(Integer(1)),
            "camera of floats" => Array("f4", [6, 8, 3], new byte[576], "<"),
            "camera of objects" => Array("O8", [6, 8, 3], new byte[1152]),
            "camera of text" => Array("U4", [6, 8, 3], new byte[2304], "<"),
            "camera flat" => Array("u1", [144], new byte[144]),
            "camera begun" => [.. Text("numpy.core.multiarray"), .. Text("_reconstruct"), 0x93, .. Text("numpy"), .. Text("ndarray"), 0x93, .. Tuple(0), (byte)'C', 1, (byte)'b', 0x87, (byte)'R'],
            "camera short" => Array("u1", [6, 8, 3], new byte[143]),
            "camera huge" => Array("u1", [int.MaxValue, int.MaxValue, int.MaxValue], new byte[144]),
            "camera negative" => Array("u1", [-6, -8, 3], new byte[144]),
            "task a number" => Integer(3),
            "task long" => Text(new string('a', 1 << 20)),
            _ => null,
        };
        string? key = what.Split(' ')[0] switch { "motor" => "m2.pos", "camera" => "front", "task" => "task", _ => null };
        byte[] bad = key is not null ? Timed(change: new() { [key] = value })
            : what == "timestep negative" ? Timed(timestep: -1) : Timed(timestamp: double.PositiveInfinity);

        // What the pickle itself shows is refused when it is sent, what the contract forbids when actions are asked for.
        var refused = await client.CallAsync("SendObservations", Chunk(3, bad));
        if (refused.Status == 0) refused = await client.CallAsync("GetActions", s_empty);
        Assert.Equal(InvalidArgument, refused.Status);
        Assert.Contains(said, refused.Message);
        await client.GoodAsync("SendObservations", Chunk(3, Timed(first: 4)));
        Assert.Equal((7, 4f), First(await ActionsAsync(client)));
        Assert.Equal((1, 1), (server.Metrics.Errors, server.Metrics.Requests));
    }

    [Fact]
    public async Task Broken_framing_gets_a_status_and_the_connection_lives()
    {
        await using var server = await StartAsync(s_options with { MaxMessageBytes = 4096 });
        using var client = await OpenAsync(server, Config());
        async Task RefusedAsync(int status, string method, params byte[] body) => Assert.Equal(status, (await client.CallAsync(method, body)).Status);
        await RefusedAsync(InvalidArgument, "Ready");
        await RefusedAsync(InvalidArgument, "Ready", 0, 0, 0);
        await RefusedAsync(InvalidArgument, "Ready", 0, 0, 0, 0, 9, 1);
        await RefusedAsync(InvalidArgument, "Ready", [.. s_empty, .. s_empty]);
        await RefusedAsync(Unimplemented, "Ready", 1, 0, 0, 0, 0);
        await RefusedAsync(ResourceExhausted, "Ready", 0, 0xFF, 0xFF, 0xFF, 0xFF);
        await RefusedAsync(Unimplemented, "Shutdown", s_empty);
        await RefusedAsync(InvalidArgument, "SendObservations");
        await RefusedAsync(InvalidArgument, "SendObservations", Chunk(1, [1, 2, 3]));
        await RefusedAsync(InvalidArgument, "SendObservations", Chunk(0, [1, 2, 3]));
        await RefusedAsync(InvalidArgument, "SendObservations", Chunk(9, [1, 2, 3]));
        await RefusedAsync(InvalidArgument, "SendObservations", [.. Chunk(3, Timed()), .. Chunk(3, Timed())]);
        await RefusedAsync(ResourceExhausted, "SendObservations", [.. Chunk(1, new byte[3000]), .. Chunk(2, new byte[3000]), .. Chunk(3, [])]);
        foreach (byte[] proto in new byte[][] { [0x0A], [0x0A, 5, 1], [0x0B], [0x08], [0x00, 1], [.. Enumerable.Repeat((byte)0xFF, 11)], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1] })
            await RefusedAsync(InvalidArgument, "SendPolicyInstructions", RawGrpc.Framed(proto));
        using (var json = new StringContent("{}")) Assert.Equal(-415, (await client.CallAsync("Ready", json, "application/json")).Status);

        // Fields that a later version may add are skipped.
        await client.GoodAsync("SendObservations", RawGrpc.Framed([8, 3, 0x18, 5, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x2D, 1, 2, 3, 4, .. Field(0x12, Timed(first: 6))]));
        Assert.Equal((7, 6f), First(await ActionsAsync(client)));
    }

    [Fact]
    public async Task A_stalled_observation_is_cut()
    {
        await using var server = await StartAsync(s_options with { MessageTimeout = TimeSpan.FromMilliseconds(300) });
        using var client = await OpenAsync(server, Config());
        using var never = new StreamContent(new StalledStream(Chunk(1, [1, 2, 3])));
        Assert.Equal(InvalidArgument, (await client.CallAsync("SendObservations", never)).Status);
        await client.GoodAsync("SendObservations", Chunk(3, Timed()));
        await ActionsAsync(client);
    }

    [Fact]
    public async Task Without_its_token_nothing_is_served()
    {
        const string token = "correct horse";
        await using var server = await StartAsync(s_options with { Token = token });
        foreach (string? wrong in new[] { null, "Bearer wrong horse!", "Bearer " + token + "x", token, "Basic " + token })
        {
            using var client = new RawGrpc(server.GrpcPort, wrong);
            foreach (string method in new[] { "Ready", "SendPolicyInstructions", "SendObservations", "GetActions", "Nothing" })
                Assert.Equal(Unauthenticated, (await client.CallAsync(method, s_empty)).Status);
        }

        Assert.Equal(0, server.Metrics.Sessions);
        using var right = new RawGrpc(server.GrpcPort, "Bearer " + token);
        await right.GoodAsync("Ready", s_empty);
    }

    [Fact]
    public async Task With_a_certificate_it_is_TLS()
    {
        using var key = RSA.Create(2048);
        var wish = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = wish.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        await using var server = await StartAsync(s_options with { Certificate = certificate });
        using var client = new RawGrpc(server.GrpcPort, tls: true);
        await client.GoodAsync("Ready", s_empty);
        using var plain = new RawGrpc(server.GrpcPort);
        await Assert.ThrowsAsync<HttpRequestException>(() => plain.CallAsync("Ready", s_empty));
    }

    [Fact]
    public async Task A_connection_is_a_session_and_sessions_are_bounded()
    {
        await using var server = await StartAsync(s_options with { MaxSessions = 2 });
        using var first = await OpenAsync(server, Config());
        using (var second = await OpenAsync(server, Config()))
        {
            await first.GoodAsync("SendObservations", Chunk(3, Timed(first: 1)));
            await second.GoodAsync("SendObservations", Chunk(3, Timed(first: 2)));
            Assert.Equal((7, 1f), First(await ActionsAsync(first)));
            Assert.Equal((7, 2f), First(await ActionsAsync(second)));
            using var third = new RawGrpc(server.GrpcPort);
            Assert.Equal(ResourceExhausted, (await third.CallAsync("Ready", s_empty)).Status);
        }

        Assert.Equal(1, await WithinAsync(() => server.Metrics.Sessions, 1));
        using var next = new RawGrpc(server.GrpcPort);
        await next.GoodAsync("Ready", s_empty);
    }

    [Fact]
    public async Task A_policy_that_fails_fails_one_call_and_the_end_frees_who_waits()
    {
        using var policy = new ScriptedPolicy(Contract with { Name = "echo" }, (observations, actions, _, _) =>
        {
            if (observations.States[0] == 13) throw new InvalidOperationException("no luck");
            actions.Fill(observations.States[0] == 14 ? float.NaN : 1);
        });
        var server = await PolicyServer.StartAsync(policy, s_options);
        using var client = await OpenAsync(server, Config());
        foreach (var (first, status) in new[] { (13f, Internal), (14f, InvalidArgument), (15f, 0) })
        {
            await client.GoodAsync("SendObservations", Chunk(3, Timed(first)));
            Assert.Equal(status, (await client.CallAsync("GetActions", s_empty)).Status);
        }

        var waiting = client.CallAsync("GetActions", s_empty);
        await Task.Delay(100);
        await server.DisposeAsync();
        var (ended, _, reply) = await waiting;
        Assert.True(ended == Unavailable || (ended == 0 && reply.Length == 5), $"status {ended}");
    }

    [Fact]
    public void A_damaged_observation_cannot_ask_for_much_memory()
    {
        var instructions = LeRobotInstructions.Read(Config());
        var random = new PhiloxRandom(new PhiloxKey(8, 0));
        byte[] good = Timed();
        int refused = 0;
        for (int round = 0; round < 2000; round++)
        {
            byte[] pickle = (byte[])good.Clone();
            for (int i = random.NextInt(4); i >= 0; i--) pickle[random.NextInt(pickle.Length)] = (byte)random.NextWord();
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                LeRobotObservation.Read(pickle, instructions);
            }
            catch (GrpcException)
            {
                refused++;
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        }

        Assert.InRange(refused, 500, 1999);
    }

    [Fact]
    public async Task Damaged_pickles_and_random_bytes_harm_nobody()
    {
        await using var server = await StartAsync(s_options with { MaxMessageBytes = 1 << 16 });
        using var client = await OpenAsync(server, Config());
        var random = new PhiloxRandom(new PhiloxKey(6, 0));
        byte[] observation = Timed(), config = Config();
        int refused = 0;
        for (int round = 0; round < 1500; round++)
        {
            byte[] bytes = round % 3 == 2 ? new byte[random.NextInt(300)] : (byte[])(round % 3 == 0 ? observation : config).Clone();
            for (int i = round % 3 == 2 ? bytes.Length - 1 : random.NextInt(4); i >= 0; i--) bytes[round % 3 == 2 ? i : random.NextInt(bytes.Length)] = (byte)random.NextWord();
            var (status, message, _) = round % 3 == 0 ? await client.CallAsync("SendObservations", Chunk(3, bytes))
                : round % 3 == 1 ? await client.CallAsync("SendPolicyInstructions", Setup(bytes)) : await client.CallAsync("SendObservations", bytes);
            Assert.True(status is 0 or InvalidArgument or NotFound or ResourceExhausted or Unimplemented, $"{status} {message}");
            if (status != 0) refused++;
        }

        Assert.InRange(refused, 500, 1499);
        await client.GoodAsync("Ready", s_empty);
        await client.GoodAsync("SendPolicyInstructions", Setup(config));
        await client.GoodAsync("SendObservations", Chunk(3, observation));
        await ActionsAsync(client);
    }

    private static Task<PolicyServer> StartAsync(ServeOptions? options = null) => PolicyServer.StartAsync(BuiltInPolicies.Create("echo", Contract), options ?? s_options);

    private static async Task<RawGrpc> OpenAsync(PolicyServer server, byte[]? config)
    {
        var client = new RawGrpc(server.GrpcPort);
        Assert.Empty(await client.GoodAsync("Ready", s_empty));
        if (config is not null) Assert.Empty(await client.GoodAsync("SendPolicyInstructions", Setup(config)));
        return client;
    }

    private static (long Timestep, float Value) First((long Timestep, float[] Values)[] actions) => (actions[0].Timestep, actions[0].Values[0]);

    private static async Task<(long Timestep, float[] Values)[]> ActionsAsync(RawGrpc client, string module = Module)
    {
        byte[] reply = await client.GoodAsync("GetActions", s_empty);
        Assert.Equal(0x0A, reply[0]);
        int start = reply[1] < 0x80 ? 2 : reply[2] < 0x80 ? 3 : 4;
        object?[] list = Assert.IsType<object?[]>(new PickleMessageReader($"{module}.TimedAction").Read(reply.AsMemory(start)));
        return [.. list.Cast<PickledObject>().Select(a => ((long)a.Fields["timestep"]!, ((NamedArray)a.Fields["action"]!).ToFloat32()))];
    }

    /// <summary>Some bytes, then nothing for a long time.</summary>
    private sealed class StalledStream(byte[] start) : MemoryStream(start)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Position == Length) await Task.Delay(TimeSpan.FromMinutes(1), cancellationToken);
            return await base.ReadAsync(buffer, cancellationToken);
        }

        public override bool CanSeek => false;
    }
}
