using System.Net;
using System.Net.Sockets;
using System.Text;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using static Engine.Host.Tests.Serving.Protocols.Robot;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Protocols;

/// <summary>Bad input in the form of every protocol that can express it, over real sockets, each followed by a good request that is answered.</summary>
public sealed class BadInputTests
{
    private const string Everywhere = "openpi int-act openvla lerobot groot pipe", Arrays = "openpi int-act openvla lerobot groot", States = "openpi int-act openvla groot";

    private static readonly (string Fault, string Protocols)[] s_faults =
    [
        ("length 0", Everywhere), ("truncated", Everywhere), ("nesting 10 000", Arrays),
        ("shape product overflows", Arrays), ("negative dimension", Arrays), ("data shorter than shape and dtype", Arrays), ("data longer than shape and dtype", Arrays),
        ("dtype of objects", Arrays), ("unknown dtype", Arrays), ("wrong dtype", Arrays),
        ("missing camera", Arrays), ("extra camera", States),
        ("NaN in the state", Everywhere), ("infinity in the state", Everywhere), ("state too narrow", States), ("state too wide", States),
        ("invalid UTF-8", Everywhere), ("1 MB prompt", Everywhere),
    ];

    public static TheoryData<string, string> Faults
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var (fault, protocols) in s_faults)
            {
                foreach (string protocol in protocols.Split(' ')) data.Add(fault, protocol);
            }

            return data;
        }
    }

    public static TheoryData<string> Every => [.. Names];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Is_refused_with_a_reason_and_the_next_good_request_is_answered(string fault, string protocol)
    {
        await using var server = await StartAsync();
        using (var robot = Connect(protocol, server))
        {
            Assert.Equal(0.25f, (await robot.AskAsync(new Sight(0.25f)))[0]);
            var (sight, damage) = Bad(fault);
            string said = (await Assert.ThrowsAsync<Refusal>(() => robot.AskAsync(sight, damage))).Message;
            Assert.InRange(said.Length, 1, 500);
            Assert.DoesNotContain("   at ", said);
            Assert.Equal(1, server.Metrics.Errors);

            // A WebSocket closes after an error, as upstream's does, and so does a pipe whose frame is too large; all others go on.
            if (protocol is "openvla" or "lerobot" or "groot" || (protocol == "pipe" && fault != "1 MB prompt")) Assert.Equal(0.75f, (await robot.AskAsync(new Sight(0.75f)))[0]);
        }

        using var next = Connect(protocol, server);
        Assert.Equal(-0.5f, (await next.AskAsync(new Sight(-0.5f)))[0]);
    }

    [Theory]
    [MemberData(nameof(Every))]
    public async Task An_empty_prompt_is_a_prompt(string protocol)
    {
        await using var server = await StartAsync();
        using var robot = Connect(protocol, server);
        Assert.Equal(0.5f, (await robot.AskAsync(new Sight(Text: "")))[0]);
    }

    [Theory]
    [InlineData("openpi")]
    [InlineData("int-act")]
    [InlineData("openvla")]
    [InlineData("groot")]
    public async Task Big_endian_numbers_are_converted(string protocol)
    {
        await using var server = await StartAsync();
        using var robot = Connect(protocol, server);
        byte[] numbers = [.. Enumerable.Range(0, 8).SelectMany(i => BitConverter.GetBytes(i * 0.5).Reverse())];
        Assert.Equal((float[])[0f, 0.5f, 1, 1.5f, 2, 2.5f, 3], (await robot.AskAsync(new Sight(State: new WireArray(">f8", [8], numbers))))[..7]);
    }

    /// <summary>msgpack-numpy and json_numpy always write C order; a .npy file and a pickle say which.</summary>
    [Theory]
    [InlineData("lerobot")]
    [InlineData("groot")]
    public async Task Fortran_order_is_converted(string protocol)
    {
        using var policy = new ScriptedPolicy(Contract with { Name = "echo" }, (observations, actions, _, _) => actions.Fill(observations.Images["top"].Span[(2 * 8 + 5) * 3 + 1]));
        await using var server = await StartAsync(policy);
        using var robot = Connect(protocol, server);
        byte[] columns = new byte[144];
        columns[2 + 5 * 6 + 1 * 48] = 77;
        Assert.Equal(77, (await robot.AskAsync(new Sight(Top: new WireArray("|u1", [6, 8, 3], columns, Fortran: true))))[0]);
        byte[] rows = new byte[144];
        rows[(2 * 8 + 5) * 3 + 1] = 78;
        Assert.Equal(78, (await robot.AskAsync(new Sight(Top: new WireArray("|u1", [6, 8, 3], rows))))[0]);
    }

    [Theory]
    [MemberData(nameof(Every))]
    public async Task A_request_that_comes_one_byte_at_a_time_is_answered(string protocol)
    {
        await using var server = await StartAsync();
        using var slow = new SlowProxy(TargetOf(protocol, server));
        using var robot = Connect(protocol, server, _ => slow.Port);
        Assert.Equal(0.25f, (await robot.AskAsync(new Sight(0.25f)))[0]);
        Assert.Equal(0.5f, (await robot.AskAsync(new Sight(0.5f)))[0]);
        Assert.True(slow.Sent > 500);
    }

    [Theory]
    [MemberData(nameof(Every))]
    public async Task A_client_that_dies_within_a_request_frees_its_session(string protocol)
    {
        await using var server = await StartAsync();
        long whole;
        using (var through = new SlowProxy(TargetOf(protocol, server)))
        {
            using var robot = Connect(protocol, server, _ => through.Port);
            await robot.AskAsync(new Sight());
            whole = through.Sent;
        }

        foreach (long cut in new[] { whole / 2, whole * 3 / 4 })
        {
            using var dying = new SlowProxy(TargetOf(protocol, server), cut);
            Robot? robot = null;
            await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                robot = Connect(protocol, server, _ => dying.Port);
                await robot.AskAsync(new Sight());
            });
            robot?.Dispose();
            Assert.Equal(0, await WithinAsync(() => server.Metrics.Sessions, 0));
        }

        using var next = Connect(protocol, server);
        Assert.Equal(0.75f, (await next.AskAsync(new Sight(0.75f)))[0]);
    }

    /// <summary>All at once, since each takes as long as a handshake may take: ten seconds, and to gRPC's first call as long as a message.</summary>
    [Fact]
    public async Task Who_does_not_finish_the_handshake_is_cut()
    {
        await using var server = await StartAsync(change: options => options with { MessageTimeout = TimeSpan.FromSeconds(5) });
        var stalled = new List<Task>();
        foreach (var (port, begin) in new[] { (server.Port, "GET / HT"), (server.Port, "POST /act HTTP/1.1\r\nHost: "), (server.GrpcPort, "PRI * HTTP"), (server.ZmqPort, "\u00ff"), (server.PipePort, "ENGP") })
        {
            stalled.Add(Task.Run(async () =>
            {
                using var tcp = new TcpClient();
                await tcp.ConnectAsync(IPAddress.Loopback, port);
                await tcp.GetStream().WriteAsync(Encoding.Latin1.GetBytes(begin));
                byte[] said = new byte[4096];
                try
                {
                    while (await tcp.GetStream().ReadAsync(said).AsTask().WaitAsync(TimeSpan.FromSeconds(60)) > 0)
                    {
                    }
                }
                catch (IOException)
                {
                    // Cut by a reset.
                }
            }));
        }

        foreach (string protocol in Names)
        {
            using var robot = Connect(protocol, server);
            Assert.Equal(0.75f, (await robot.AskAsync(new Sight(0.75f)))[0]);
        }

        await Task.WhenAll(stalled);
        Assert.Equal(0, await WithinAsync(() => server.Metrics.Sessions, 0));
    }

    [Fact]
    public async Task Two_hundred_idle_connections_on_every_port_keep_nobody_from_an_answer()
    {
        await using var server = await StartAsync();
        var idle = new List<TcpClient>();
        foreach (int port in new[] { server.Port, server.GrpcPort, server.ZmqPort, server.PipePort })
        {
            for (int i = 0; i < 50; i++)
            {
                idle.Add(new TcpClient());
                await idle[^1].ConnectAsync(IPAddress.Loopback, port);
            }
        }

        foreach (string protocol in Names)
        {
            using var robot = Connect(protocol, server);
            Assert.Equal(0.75f, (await robot.AskAsync(new Sight(0.75f)))[0]);
        }

        foreach (var client in idle) client.Dispose();
        Assert.Equal(0, await WithinAsync(() => server.Metrics.Sessions, 0));
    }

    [Fact]
    public async Task Text_where_binary_is_due_and_a_path_as_a_models_name_are_refused()
    {
        await using var server = await StartAsync();
        await using (var client = await OpenPiClient.ConnectAsync(server.Uri))
            Assert.Contains("catalogue", (await Assert.ThrowsAsync<OpenPiServerException>(() => client.SwitchAsync("../../etc/passwd"))).Message);
        using (var socket = new System.Net.WebSockets.ClientWebSocket())
        {
            await socket.ConnectAsync(server.Uri, CancellationToken.None);
            byte[] buffer = new byte[1 << 16];
            await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
            await socket.SendAsync("hello"u8.ToArray(), System.Net.WebSockets.WebSocketMessageType.Text, true, CancellationToken.None);
            var said = await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
            Assert.Contains("binary", Encoding.UTF8.GetString(buffer, 0, said.Count));
        }

        using var next = Connect("openpi", server);
        Assert.Equal(0.75f, (await next.AskAsync(new Sight(0.75f)))[0]);
    }

    private static Task<PolicyServer> StartAsync(Runtime.Contract.IPolicy? policy = null, Func<ServeOptions, ServeOptions>? change = null)
    {
        var options = Options with { GrpcPort = 0, ZmqPort = 0, PipePort = 0, GrootState = "all:8" };
        return PolicyServer.StartAsync(policy ?? BuiltInPolicies.Create("echo", Contract), change?.Invoke(options) ?? options);
    }

    private static int TargetOf(string protocol, PolicyServer server) => protocol switch
    {
        "lerobot" => server.GrpcPort,
        "groot" => server.ZmqPort,
        "pipe" => server.PipePort,
        _ => server.Port,
    };

    private static (Sight Sight, Func<byte[], byte[]>? Damage) Bad(string fault)
    {
        static WireArray Top(string dtype, long[] shape, int bytes) => new(dtype, shape, new byte[bytes]);
        static WireArray State(params float[] numbers) => new("<f4", [numbers.Length], Groot.GrootMessages.Bytes(numbers));
        var good = new Sight();
        return fault switch
        {
            "length 0" => (good, _ => []),
            "truncated" => (good, message => message[..100]),

            // One-element arrays in msgpack (0x91), brackets in JSON, lists in a pickle (protocol 2, each appended to the one before).
            "nesting 10 000" => (good, message => message[0] switch
            {
                (byte)'{' => [.. Enumerable.Repeat((byte)'[', 10_000), .. Enumerable.Repeat((byte)']', 10_000)],
                0x80 when message[1] == 4 => [0x80, 2, .. Enumerable.Repeat((byte)']', 10_000), .. Enumerable.Repeat((byte)'a', 9_999), (byte)'.'],
                _ => [.. Enumerable.Repeat((byte)0x91, 10_000), 0xC0],
            }),
            "shape product overflows" => (good with { Top = Top("|u1", [int.MaxValue, int.MaxValue, int.MaxValue], 144) }, null),
            "negative dimension" => (good with { Top = Top("|u1", [-6, -8, 3], 144) }, null),
            "data shorter than shape and dtype" => (good with { Top = Top("|u1", [6, 8, 3], 143) }, null),
            "data longer than shape and dtype" => (good with { Top = Top("|u1", [6, 8, 3], 145) }, null),
            "dtype of objects" => (good with { Top = Top("|O8", [6, 8, 3], 1152) }, null),
            "unknown dtype" => (good with { Top = Top("|x1", [6, 8, 3], 144) }, null),
            "wrong dtype" => (good with { Top = Top("<f4", [6, 8, 3], 576) }, null),
            "missing camera" => (good with { MissingCamera = true }, null),
            "extra camera" => (good with { ExtraCamera = true }, null),
            "NaN in the state" => (good with { First = float.NaN, State = null }, null),
            "infinity in the state" => (good with { First = float.PositiveInfinity }, null),
            "state too narrow" => (good with { State = State(1, 2, 3, 4, 5, 6, 7) }, null),
            "state too wide" => (good with { State = State(1, 2, 3, 4, 5, 6, 7, 8, 9) }, null),
            "invalid UTF-8" => (good, message =>
            {
                message.AsSpan(message.AsSpan().LastIndexOf(Encoding.UTF8.GetBytes(Prompt))).Slice(1, 1).Fill(0xFF);
                return message;
            }
            ),
            "1 MB prompt" => (good with { Text = new string('a', 1 << 20) }, null),
            _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, "no such case"),
        };
    }
}
