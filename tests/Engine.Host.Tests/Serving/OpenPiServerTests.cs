using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;
using Engine.Runtime.Contract;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

/// <summary>openpi's protocol over real sockets: good requests, bad ones, and that the next good one is answered.</summary>
public sealed class OpenPiServerTests
{
    [Fact]
    public async Task Metadata_then_actions_with_timings()
    {
        await using var server = await StartAsync();
        await using var client = await OpenPiClient.ConnectAsync(server.Uri);
        Assert.Equal("echo", client.Metadata["name"]);
        Assert.Equal(3L, client.Metadata["action_horizon"]);
        Assert.Equal([6L, 8L, 3L], Assert.IsType<object?[]>(Assert.IsType<MsgPackMap>(client.Metadata["cameras"])["top"]));

        var first = await client.InferAsync(Observation(0.25f));
        Assert.Equal((3, 7), (first.Horizon, first.Width));
        for (int h = 0; h < 3; h++) Assert.Equal([0.25f, 1, 2, 3, 4, 5, 6], first.Actions[(7 * h)..(7 * h + 7)]);
        Assert.InRange(first.PolicyMilliseconds, 0, 10_000);
        Assert.InRange(first.ServerMilliseconds, first.PolicyMilliseconds, 10_000);
        Assert.InRange(first.RoundTrip.TotalMilliseconds, first.ServerMilliseconds, 10_000);
        Assert.False(Assert.IsType<MsgPackMap>(first.Map["server_timing"]).ContainsKey("prev_total_ms"));

        var second = await client.InferAsync(Observation(-1));
        Assert.Equal(-1, second.Actions[0]);
        Assert.True(Assert.IsType<MsgPackMap>(second.Map["server_timing"]).Number("prev_total_ms") > 0);
        Assert.Equal(2, client.Times.Count);
        Assert.Equal(2, server.Metrics.Requests);
    }

    [Fact]
    public async Task A_message_recorded_from_openpis_own_client_is_answered()
    {
        using var policy = BuiltInPolicies.Create("echo");
        await using var server = await PolicyServer.StartAsync(policy, Options);
        using var socket = await ConnectAsync(server);
        await SendAsync(socket, File.ReadAllBytes(GoldenMessages.Path("obs_libero.msgpack")));
        var reply = Assert.IsType<MsgPackMap>(MsgPackReader.Read((await ReceiveAsync(socket)).Bytes));
        Assert.Equal(["actions", "policy_timing", "server_timing"], reply.Select(e => e.Key));
        var actions = Assert.IsType<NumpyArray>(reply["actions"]);
        Assert.Equal(NumpyDtype.Float32, actions.Dtype);
        Assert.Equal([50, 7], actions.Shape);
        var sent = (MsgPackMap)MsgPackReader.Read(File.ReadAllBytes(GoldenMessages.Path("obs_libero.msgpack")))!;
        Assert.Equal(((NumpyArray)sent["observation/state"]!).ToSingles()[..7], actions.ToSingles()[..7]);
    }

    [Fact]
    public async Task Droids_state_in_two_parts_is_joined()
    {
        await using var server = await StartAsync(Contract with { Cameras = [new CameraSpec("top", 6, 8)] });
        using var socket = await ConnectAsync(server);
        await SendAsync(socket, File.ReadAllBytes(GoldenMessages.Path("obs_droid.msgpack")));
        Assert.IsType<MsgPackMap>(MsgPackReader.Read((await ReceiveAsync(socket)).Bytes));
    }

    [Fact]
    public async Task Int_act_clients_get_the_bare_array_and_may_reset()
    {
        await using var server = await StartAsync();
        using var socket = await ConnectAsync(server);
        await SendAsync(socket, MsgPackWriter.ToBytes(new MsgPackMap
        {
            ["observation.images.top"] = NumpyArray.From(new byte[6 * 8 * 3], 6, 8, 3),
            ["observation.images.wrist"] = NumpyArray.From(new byte[4 * 4 * 3], 4, 4, 3),
            ["observation.state"] = NumpyArray.From(new float[8], 8),
            ["task"] = "push",
        }));
        object? bare = MsgPackReader.Read((await ReceiveAsync(socket)).Bytes);
        Assert.Equal([3, 7], Assert.IsType<NumpyArray>(bare).Shape);
        await SendAsync(socket, MsgPackWriter.ToBytes(new MsgPackMap { ["reset"] = true }));
        Assert.Equal("reset", Assert.IsType<MsgPackMap>(MsgPackReader.Read((await ReceiveAsync(socket)).Bytes))["status"]);
    }

    [Theory]
    [InlineData("missing camera", "wrist")]
    [InlineData("extra camera", "observation/side")]
    [InlineData("camera twice", "twice")]
    [InlineData("float image", "uint8")]
    [InlineData("grey image", "[height, width, 3]")]
    [InlineData("empty image", "sides of 1")]
    [InlineData("no state", "observation/state")]
    [InlineData("short state", "has 7 numbers")]
    [InlineData("text state", "array of numbers")]
    [InlineData("NaN state", "NaN")]
    [InlineData("infinite state", "Infinity")]
    [InlineData("no prompt", "prompt")]
    [InlineData("number prompt", "must be a string")]
    [InlineData("huge prompt", "characters")]
    [InlineData("negative temperature", "temperature")]
    [InlineData("uniforms of one", "uniforms")]
    [InlineData("uniforms out of range", "strictly between")]
    [InlineData("model switch", "catalogue")]
    [InlineData("no map", "expected a map")]
    [InlineData("no msgpack", "byte 0xc1")]
    [InlineData("empty", "empty")]
    [InlineData("truncated", "ends at byte")]
    [InlineData("object dtype", "|O")]
    [InlineData("deep", "nested")]
    [InlineData("overflow", "too many elements")]
    public async Task A_bad_observation_is_refused_with_its_reason_and_the_next_good_one_answered(string fault, string reason)
    {
        await using var server = await StartAsync();
        using var socket = await ConnectAsync(server);
        await SendAsync(socket, Faulty(fault));
        var (kind, bytes) = await ReceiveAsync(socket);
        string text = Encoding.UTF8.GetString(bytes);
        Assert.Equal(WebSocketMessageType.Text, kind);
        Assert.Contains(reason, text);
        Assert.InRange(text.Length, 1, 500);
        Assert.DoesNotContain("   at ", text);
        (kind, _) = await ReceiveAsync(socket);
        Assert.Equal(WebSocketMessageType.Close, kind);
        Assert.Equal(WebSocketCloseStatus.InternalServerError, socket.CloseStatus);
        Assert.Equal(1, server.Metrics.Errors);
        await AnswersAsync(server);
    }

    [Fact]
    public async Task Big_endian_doubles_integers_and_lists_make_a_state()
    {
        await using var server = await StartAsync();
        await using var client = await OpenPiClient.ConnectAsync(server.Uri);
        var observation = Observation();
        observation["observation/state"] = new NumpyArray(new NumpyDtype('i', 2, true), [8], new byte[] { 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8 });
        float[] actions = (await client.InferAsync(observation)).Actions;
        Assert.Equal([1f, 2, 3, 4, 5, 6, 7], actions[..7]);
        observation["observation/state"] = new object?[] { 1L, 2.5, 3L, 4L, 5L, 6L, 7L, 8L };
        actions = (await client.InferAsync(observation)).Actions;
        Assert.Equal([1f, 2.5f, 3, 4, 5, 6, 7], actions[..7]);
        observation["prompt"] = "";
        Assert.Equal(21, (await client.InferAsync(observation)).Actions.Length);
    }

    [Fact]
    public async Task Text_is_refused()
    {
        await using var server = await StartAsync();
        using var socket = await ConnectAsync(server);
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, CancellationToken.None);
        Assert.Contains("binary", Encoding.UTF8.GetString((await ReceiveAsync(socket)).Bytes));
        await ReceiveAsync(socket);
        Assert.Equal(WebSocketCloseStatus.InternalServerError, socket.CloseStatus);
        await AnswersAsync(server);
    }

    [Fact]
    public async Task A_message_over_the_cap_is_refused_and_one_of_exactly_the_cap_is_not()
    {
        byte[] message = MsgPackWriter.ToBytes(Observation());
        await using var server = await StartAsync(options: Options with { MaxMessageBytes = Math.Max(1024, message.Length) });
        var padded = Observation();
        padded["padding"] = "";
        padded["padding"] = new string('x', Math.Max(1024, message.Length) - MsgPackWriter.ToBytes(padded).Length - 2);
        byte[] exact = MsgPackWriter.ToBytes(padded);
        Assert.InRange(exact.Length, 1020, 1024);
        using (var good = await ConnectAsync(server))
        {
            await SendAsync(good, exact);
            Assert.Equal(WebSocketMessageType.Binary, (await ReceiveAsync(good)).Kind);
        }

        using var socket = await ConnectAsync(server);
        await SendAsync(socket, new byte[1025]);
        Assert.Contains("1024", Encoding.UTF8.GetString((await ReceiveAsync(socket)).Bytes));
        await ReceiveAsync(socket);
        Assert.Equal(WebSocketCloseStatus.MessageTooBig, socket.CloseStatus);
        await AnswersAsync(server);
    }

    [Fact]
    public async Task A_message_in_fragments_of_one_byte_is_answered_and_a_flood_of_empty_ones_refused()
    {
        await using var server = await StartAsync();
        using (var socket = await ConnectAsync(server))
        {
            byte[] message = MsgPackWriter.ToBytes(Observation());
            for (int i = 0; i < message.Length; i++)
                await socket.SendAsync(message.AsMemory(i, 1), WebSocketMessageType.Binary, i == message.Length - 1, CancellationToken.None);
            Assert.Equal(WebSocketMessageType.Binary, (await ReceiveAsync(socket)).Kind);
        }

        using var flood = await ConnectAsync(server);
        for (int i = 0; i < 1100; i++) await flood.SendAsync(ReadOnlyMemory<byte>.Empty, WebSocketMessageType.Binary, false, CancellationToken.None);
        Assert.Contains("empty fragments", Encoding.UTF8.GetString((await ReceiveAsync(flood)).Bytes));
        await AnswersAsync(server);
    }

    [Fact]
    public async Task A_message_that_never_ends_is_given_up()
    {
        await using var server = await StartAsync(options: Options with { MessageTimeout = TimeSpan.FromMilliseconds(100) });
        using var socket = await ConnectAsync(server);
        await socket.SendAsync(new byte[10], WebSocketMessageType.Binary, false, CancellationToken.None);
        await Assert.ThrowsAnyAsync<WebSocketException>(() => ReceiveAsync(socket));
        await AnswersAsync(server);
        Assert.Equal(0, await WithinAsync(() => server.Metrics.Sessions, 0));
    }

    [Fact]
    public async Task A_client_that_dies_in_the_middle_of_a_frame_frees_its_session()
    {
        await using var server = await StartAsync();
        using (var tcp = new TcpClient("127.0.0.1", server.Port))
        {
            var stream = tcp.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(
                $"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.Port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"));
            byte[] answer = new byte[64];
            await stream.ReadExactlyAsync(answer);
            Assert.StartsWith("HTTP/1.1 101", Encoding.ASCII.GetString(answer));
            Assert.Equal(1, await WithinAsync(() => server.Metrics.Sessions, 1));
            await stream.WriteAsync(new byte[] { 0x82, 0xFE, 0x10, 0x00, 1, 2, 3, 4, 5 });
            tcp.LingerState = new LingerOption(true, 0);
        }

        Assert.Equal(0, await WithinAsync(() => server.Metrics.Sessions, 0));
        await AnswersAsync(server);
    }

    [Fact]
    public async Task Two_hundred_idle_connections_do_not_keep_a_request_from_its_answer()
    {
        await using var server = await StartAsync();
        var idle = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => OpenPiClient.ConnectAsync(server.Uri)));
        Assert.Equal(200, server.Metrics.Sessions);
        await AnswersAsync(server);
        foreach (var client in idle) await client.DisposeAsync();
        Assert.Equal(0, await WithinAsync(() => server.Metrics.Sessions, 0));
    }

    [Fact]
    public async Task One_session_too_many_is_refused()
    {
        await using var server = await StartAsync(options: Options with { MaxSessions = 1 });
        await using (var client = await OpenPiClient.ConnectAsync(server.Uri))
        {
            var refused = await Assert.ThrowsAsync<WebSocketException>(() => OpenPiClient.ConnectAsync(server.Uri));
            Assert.Contains("503", refused.Message);
            Assert.Equal(21, (await client.InferAsync(Observation())).Actions.Length);
        }

        Assert.Equal(0, await WithinAsync(() => server.Metrics.Sessions, 0));
        await AnswersAsync(server);
    }

    private static Task<PolicyServer> StartAsync(PolicyContract? contract = null, ServeOptions? options = null) =>
        PolicyServer.StartAsync(BuiltInPolicies.Create("echo", contract ?? Contract), options ?? Options);

    private static async Task AnswersAsync(PolicyServer server)
    {
        await using var client = await OpenPiClient.ConnectAsync(server.Uri);
        Assert.Equal(0.75f, (await client.InferAsync(Observation(0.75f))).Actions[0]);
    }

    private static byte[] Faulty(string fault)
    {
        var observation = Observation();
        float[] state = [0, 1, 2, 3, 4, 5, 6, 7];
        switch (fault)
        {
            case "missing camera":
                observation = new MsgPackMap { ["observation/top"] = observation["observation/top"], ["prompt"] = "" };
                break;
            case "extra camera": observation["observation/side"] = NumpyArray.From(new byte[12], 2, 2, 3); break;
            case "camera twice": observation["observation/image"] = NumpyArray.From(new byte[12], 2, 2, 3); break;
            case "float image": observation["observation/top"] = NumpyArray.From(new float[6 * 8 * 3], 6, 8, 3); break;
            case "grey image": observation["observation/top"] = NumpyArray.From(new byte[48], 6, 8); break;
            case "empty image": observation["observation/top"] = NumpyArray.From(Array.Empty<byte>(), 0, 8, 3); break;
            case "no state":
                observation = new MsgPackMap
                {
                    ["observation/top"] = observation["observation/top"],
                    ["observation/wrist"] = observation["observation/wrist"],
                    ["prompt"] = "",
                };
                break;
            case "short state": observation["observation/state"] = NumpyArray.From(state.AsSpan(1), 7); break;
            case "text state": observation["observation/state"] = "0 1 2"; break;
            case "NaN state":
                state[3] = float.NaN;
                observation["observation/state"] = NumpyArray.From(state, 8);
                break;
            case "infinite state":
                state[3] = float.PositiveInfinity;
                observation["observation/state"] = NumpyArray.From(state, 8);
                break;
            case "no prompt":
                observation = new MsgPackMap
                {
                    ["observation/top"] = observation["observation/top"],
                    ["observation/wrist"] = observation["observation/wrist"],
                    ["observation/state"] = observation["observation/state"],
                };
                break;
            case "number prompt": observation["prompt"] = 3L; break;
            case "huge prompt": observation["prompt"] = new string('a', 1 << 20); break;
            case "negative temperature": observation["temperature"] = -1.0; break;
            case "uniforms of one":
            case "uniforms out of range":
                observation["temperature"] = 1.0;
                observation["uniforms"] = fault == "uniforms of one" ? NumpyArray.From([0.5f], 1) : NumpyArray.From(new float[21], 21);
                break;
            case "model switch": observation["new_model_path"] = "../../etc/passwd"; break;
            case "no map": return MsgPackWriter.ToBytes(new object?[] { 1L });
            case "no msgpack": return [0xC1];
            case "empty": return [];
            case "truncated": return MsgPackWriter.ToBytes(observation)[..100];
            case "object dtype": return File.ReadAllBytes(GoldenMessages.Path("bad_object_dtype.msgpack"));
            case "deep": return File.ReadAllBytes(GoldenMessages.Path("bad_deep_nesting.msgpack"));
            case "overflow": return File.ReadAllBytes(GoldenMessages.Path("bad_shape_overflow.msgpack"));
            default: throw new ArgumentException(fault);
        }

        return MsgPackWriter.ToBytes(observation);
    }

    /// <summary>A bare socket, past the metadata.</summary>
    private static async Task<ClientWebSocket> ConnectAsync(PolicyServer server)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(server.Uri, CancellationToken.None);
        Assert.Equal(WebSocketMessageType.Binary, (await ReceiveAsync(socket)).Kind);
        return socket;
    }

    private static Task SendAsync(ClientWebSocket socket, byte[] message) =>
        socket.SendAsync(message, WebSocketMessageType.Binary, true, CancellationToken.None);

    private static async Task<(WebSocketMessageType Kind, byte[] Bytes)> ReceiveAsync(ClientWebSocket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        byte[] buffer = new byte[1 << 16];
        int length = 0;
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(length), limit.Token);
            length += part.Count;
            if (part.EndOfMessage) return (part.MessageType, buffer[..length]);
        }
    }
}
