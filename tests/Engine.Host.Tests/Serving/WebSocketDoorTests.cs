using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.OpenPi;
using Engine.Runtime.Contract;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

public sealed class WebSocketDoorTests
{
    private const string Head = "GET /anything HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

    [Fact]
    public void A_plain_request_is_read_and_answered_with_the_key_of_the_standard()
    {
        var request = UpgradeRequest.Read(Encoding.ASCII.GetBytes(Head + "more"), out int length);
        Assert.NotNull(request);
        Assert.Equal((Head.Length, "/anything", "127.0.0.1:8000", "", ""), (length, request.Path, request.Host, request.Authorization, request.Origin));
        Assert.Contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", Encoding.ASCII.GetString(request.Acceptance), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\r\n\r\n", "\r\n")]
    [InlineData("GET ", "POST ")]
    [InlineData("HTTP/1.1", "HTTP/1.0")]
    [InlineData("Upgrade: websocket", "Upgrade: h2c")]
    [InlineData("keep-alive, Upgrade", "keep-alive")]
    [InlineData("Version: 13", "Version: 8")]
    [InlineData("b25jZQ==", "b25jZQ")]
    [InlineData("Host: 127.0.0.1:8000\r\n", "")]
    [InlineData("Host: 127.0.0.1:8000\r\n", "Host: a\r\nHost: b\r\n")]
    [InlineData("Host: 127.0.0.1:8000\r\n", "Host : 127.0.0.1:8000\r\n")]
    [InlineData("Host: 127.0.0.1:8000\r\n", "Host: 127.0.0.1:8000\r\n folded\r\n")]
    [InlineData("Host: 127.0.0.1:8000\r\n", "Host: 127.0.0.1:8000\r\nContent-Length: 4\r\n")]
    [InlineData("/anything", "/any\u0001thing")]
    [InlineData("/anything", "anything")]
    public void Anything_else_is_left_to_Kestrel(string part, string instead) =>
        Assert.Null(UpgradeRequest.Read(Encoding.ASCII.GetBytes(Head.Replace(part, instead, StringComparison.Ordinal)), out _));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_comes_in_whether_its_request_comes_whole_or_in_pieces(bool pieces)
    {
        using var policy = BuiltInPolicies.Create("echo", Contract);
        await using var server = await PolicyServer.StartAsync(policy, new ServeOptions { Port = 0 });
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", server.Port);
        byte[] head = Encoding.ASCII.GetBytes(Head);
        int first = pieces ? 9 : head.Length;
        await socket.SendAsync(head.AsMemory(0, first));
        if (pieces) await Task.Delay(20);
        if (pieces) await socket.SendAsync(head.AsMemory(first));
        byte[] answer = new byte[12];
        await new NetworkStream(socket).ReadExactlyAsync(answer);
        Assert.Equal("HTTP/1.1 101", Encoding.ASCII.GetString(answer));
        await using var other = await OpenPiClient.ConnectAsync(server.Uri);
        Assert.Equal(3, (await other.InferAsync(Observation(3))).Actions[0]);
    }

    [Fact]
    public async Task A_further_policy_answers_at_its_path_while_the_first_is_busy_and_a_name_that_nobody_has_is_refused()
    {
        using var entered = new SemaphoreSlim(0);
        using var gate = new ManualResetEventSlim();
        var busy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            entered.Release();
            if (observations.States[0] == 1) gate.Wait();
            actions.Fill(observations.States[0]);
        });
        using var echo = BuiltInPolicies.Create("echo", Contract);
        await using var server = await PolicyServer.StartAsync(busy, new ServeOptions { Port = 0, Beside = new Dictionary<string, IPolicy> { ["echo"] = echo } });
        await entered.WaitAsync();
        await using var first = await OpenPiClient.ConnectAsync(server.Uri);
        await using var second = await OpenPiClient.ConnectAsync(new Uri(server.Uri, "/policies/echo"));
        Assert.Equal(("test", "echo"), (first.Metadata["name"], second.Metadata["name"]));
        var waiting = first.InferAsync(Observation(1));
        await entered.WaitAsync();
        Assert.Equal(2, (await second.InferAsync(Observation(2))).Actions[0]);
        Assert.False(waiting.IsCompleted);
        gate.Set();
        Assert.Equal(1, (await waiting).Actions[0]);
        var error = await Assert.ThrowsAsync<WebSocketException>(() => OpenPiClient.ConnectAsync(new Uri(server.Uri, "/policies/nobody")));
        Assert.Contains("404", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_of_a_thread_of_its_own_waits_for_a_busy_policy_and_goes_on()
    {
        using var entered = new SemaphoreSlim(0);
        using var gate = new ManualResetEventSlim();
        var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            entered.Release();
            if (observations.States[0] == 1) gate.Wait();
            actions.Fill(observations.States[0]);
        });
        await using var server = await PolicyServer.StartAsync(policy, new ServeOptions { Port = 0 });
        await entered.WaitAsync();
        await using var slow = await OpenPiClient.ConnectAsync(server.Uri);
        await using var other = await OpenPiClient.ConnectAsync(server.Uri);
        var first = slow.InferAsync(Observation(1));
        await entered.WaitAsync();
        var second = other.InferAsync(Observation(2));
        await Task.Delay(50);
        Assert.False(second.IsCompleted);
        gate.Set();
        Assert.Equal((1, 2), ((await first).Actions[0], (await second).Actions[0]));
        Assert.Equal(4, (await other.InferAsync(Observation(4))).Actions[0]);
    }

    [Fact]
    public async Task An_observation_that_waits_gives_way_to_a_newer_one_but_neither_to_a_reset_nor_once_the_policy_has_it()
    {
        using var entered = new SemaphoreSlim(0);
        using var gate = new SemaphoreSlim(0);
        var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            entered.Release();
            if (observations.States[0] > 0) gate.Wait();
            actions.Fill(observations.States[0]);
        });
        await using var server = await PolicyServer.StartAsync(policy, new ServeOptions { Port = 0 });
        await entered.WaitAsync();
        await using var other = await OpenPiClient.ConnectAsync(server.Uri);
        using var web = new ClientWebSocket();
        await web.ConnectAsync(server.Uri, default);
        await AnswerAsync();

        // The policy is with the other client; of these three the last is left, and it runs.
        var busy = other.InferAsync(Observation(1));
        await entered.WaitAsync();
        for (int i = 2; i <= 4; i++) await SendAsync(Observation(i));
        Assert.Equal("replaced", (await AnswerAsync())["status"]);
        Assert.Equal("replaced", (await AnswerAsync())["status"]);
        gate.Release();
        Assert.Equal(1, (await busy).Actions[0]);
        await entered.WaitAsync();
        Assert.Equal(2, await WithinAsync(() => server.Metrics.Replaced, 2));

        // Begun: it is answered, then the one that came meanwhile.
        await SendAsync(Observation(5));
        await Task.Delay(100);
        gate.Release(2);
        Assert.Equal(4, First(await AnswerAsync()));
        Assert.Equal(5, First(await AnswerAsync()));
        await entered.WaitAsync();

        // A reset comes after the answer of the one before.
        busy = other.InferAsync(Observation(6));
        await entered.WaitAsync();
        await SendAsync(Observation(7));
        await SendAsync(new MsgPackMap { ["reset"] = true });
        await Task.Delay(100);
        gate.Release(2);
        await busy;
        Assert.Equal(7, First(await AnswerAsync()));
        Assert.Equal("reset", (await AnswerAsync())["status"]);
        Assert.Equal(2, server.Metrics.Replaced);

        Task SendAsync(MsgPackMap map) => web.SendAsync(MsgPackWriter.ToBytes(map), WebSocketMessageType.Binary, true, default);

        static float First(MsgPackMap answer) => ((NumpyArray)answer["actions"]!).ToSingles()[0];

        async Task<MsgPackMap> AnswerAsync()
        {
            byte[] bytes = new byte[8192];
            int length = 0;
            using var limit = new CancellationTokenSource(60_000);
            ValueWebSocketReceiveResult part;
            do
            {
                part = await web.ReceiveAsync(bytes.AsMemory(length), limit.Token);
                length += part.Count;
            }
            while (!part.EndOfMessage);
            return (MsgPackMap)MsgPackReader.Read(bytes.AsMemory(0, length))!;
        }
    }
}
