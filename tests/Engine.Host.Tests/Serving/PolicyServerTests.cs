using System.Net;
using System.Net.Http.Headers;
using System.Net.WebSockets;
using System.Text;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;
using Engine.Host.Serving.OpenVla;
using Engine.Runtime.Contract;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

/// <summary>The server around the protocols: HTTP, tokens, batching, faults of the policy, swapping, and the end.</summary>
public sealed class PolicyServerTests
{
    [Fact]
    public async Task Health_readiness_metrics_and_unknown_pages()
    {
        await using var server = await PolicyServer.StartAsync(BuiltInPolicies.Create("zero", Contract), Options);
        using var http = Http(server);
        Assert.Equal("OK\n", await http.GetStringAsync("/healthz"));
        Assert.Equal("ready\n", await http.GetStringAsync("/readyz"));
        await using (var client = await OpenPiClient.ConnectAsync(server.Uri)) await client.InferAsync(Observation());
        string metrics = await http.GetStringAsync("/metrics");
        Assert.Contains("engine_request_seconds_count 1\n", metrics);
        Assert.Contains("engine_request_seconds_bucket{le=\"+Inf\"} 1\n", metrics);
        Assert.Contains("engine_sessions_total 1\n", metrics);
        var page = await http.GetAsync("/");
        Assert.Equal("text/html", page.Content.Headers.ContentType!.MediaType);
        Assert.Contains("default-src 'none'", page.Headers.GetValues("Content-Security-Policy").Single());
        string html = await page.Content.ReadAsStringAsync();
        foreach (string name in html.Split('"').Where(part => part.StartsWith("engine_", StringComparison.Ordinal)))
            Assert.Contains(name, metrics);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/nothing")).StatusCode);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await http.GetAsync("/act")).StatusCode);
    }

    [Theory]
    [InlineData("openvla_request.json", false)]
    [InlineData("openvla_request_double_encoded.json", true)]
    public async Task OpenVlas_request_is_answered_in_its_form(string file, bool encoded)
    {
        var contract = Contract with { Cameras = [new CameraSpec("top", 6, 8)], ActionHorizon = 1, ReplanEvery = 1, StateNames = [], StateStatistics = Contract.StateStatistics with { Q01 = [], Q99 = [], Mean = [], Std = [], Mask = [] } };
        using var policy = new ScriptedPolicy(contract, (_, actions, _, _) =>
        {
            for (int i = 0; i < actions.Length; i++) actions[i] = i * 0.5f;
        });
        await using var server = await PolicyServer.StartAsync(policy, Options);
        using var http = Http(server);
        using var content = new ByteArrayContent(File.ReadAllBytes(GoldenMessages.Path(file)));
        var response = await http.PostAsync("/act", content);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        object? reply = JsonNumpy.Read(await response.Content.ReadAsByteArrayAsync());
        if (encoded) reply = JsonNumpy.Read(Encoding.UTF8.GetBytes(Assert.IsType<string>(reply)));
        var actions = Assert.IsType<NumpyArray>(reply);
        Assert.Equal("<f8 [7]", actions.ToString());
        Assert.Equal([0, 0.5f, 1, 1.5f, 2, 2.5f, 3], actions.ToSingles());
    }

    [Fact]
    public async Task Bad_posts_get_a_status_and_a_reason()
    {
        await using var server = await PolicyServer.StartAsync(BuiltInPolicies.Create("zero", Contract), Options with { MaxMessageBytes = 4096 });
        using var http = Http(server);
        foreach (var (body, status) in new[] { ("", 400), ("{", 400), ("[]", 400), ("{\"image\": 3}", 400), ("{\"encoded\": \"{\"}", 400), (new string(' ', 5000), 413) })
        {
            var response = await http.PostAsync("/act", new StringContent(body));
            Assert.Equal(status, (int)response.StatusCode);
            Assert.NotEmpty(Assert.IsType<string>(Assert.IsType<MsgPackMap>(JsonNumpy.Read(await response.Content.ReadAsByteArrayAsync()))["error"]));
        }

        await using var compatible = await PolicyServer.StartAsync(BuiltInPolicies.Create("zero", Contract), Options with { OpenVlaCompatibility = true });
        using var other = Http(compatible);
        var answer = await other.PostAsync("/act", new StringContent("{"));
        Assert.Equal((HttpStatusCode.OK, "\"error\""), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
    }

    [Fact]
    public async Task Without_its_token_nothing_is_served()
    {
        const string token = "correct horse";
        await using var server = await PolicyServer.StartAsync(BuiltInPolicies.Create("zero", Contract), Options with { Token = token });
        await using (var client = await OpenPiClient.ConnectAsync(server.Uri, token)) await client.InferAsync(Observation());
        foreach (string? wrong in new[] { null, "wrong horse!", token + "x", token[..^1] })
            Assert.Contains("401", (await Assert.ThrowsAsync<WebSocketException>(() => OpenPiClient.ConnectAsync(server.Uri, wrong))).Message);

        using var http = Http(server);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/healthz")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/metrics")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.PostAsync("/act", new StringContent("{}"))).StatusCode);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/metrics")).StatusCode);
    }

    [Fact]
    public async Task Beyond_this_machine_only_with_a_token_or_said_aloud()
    {
        using var policy = BuiltInPolicies.Create("zero", Contract);
        var open = Options with { Address = IPAddress.Any };
        Assert.Contains("token", (await Assert.ThrowsAsync<ArgumentException>(() => PolicyServer.StartAsync(policy, open))).Message);
        await using var insecure = await PolicyServer.StartAsync(policy, open with { Insecure = true });
        await using var guarded = await PolicyServer.StartAsync(policy, open with { Token = "correct horse" });
        await using var client = await OpenPiClient.ConnectAsync(guarded.Uri, "correct horse");
        await client.InferAsync(Observation());
    }

    [Theory]
    [InlineData("http://evil.example", false)]
    [InlineData("http://127.0.0.1:{port}", true)]
    [InlineData("http://localhost:{port}", false)]
    [InlineData("http://friend.example", true)]
    public async Task A_web_page_of_another_origin_may_not_connect(string origin, bool allowed)
    {
        await using var server = await PolicyServer.StartAsync(
            BuiltInPolicies.Create("zero", Contract), Options with { AllowedOrigins = ["http://friend.example"] });
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Origin", origin.Replace("{port}", $"{server.Port}"));
        if (allowed) await socket.ConnectAsync(server.Uri, CancellationToken.None);
        else Assert.Contains("403", (await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(server.Uri, CancellationToken.None))).Message);
    }

    [Fact]
    public async Task A_taken_port_is_said()
    {
        using var policy = BuiltInPolicies.Create("zero", Contract);
        await using var server = await PolicyServer.StartAsync(policy, Options);
        Assert.Contains($"{server.Port}", (await Assert.ThrowsAsync<IOException>(() => PolicyServer.StartAsync(policy, Options with { Port = server.Port }))).Message);
    }

    [Fact]
    public async Task A_policy_that_cannot_run_does_not_start()
    {
        using var policy = new ScriptedPolicy(Contract, (_, _, _, _) => throw new InvalidOperationException("no weights"));
        Assert.Equal("no weights", (await Assert.ThrowsAsync<InvalidOperationException>(() => PolicyServer.StartAsync(policy, Options))).Message);
    }

    [Fact]
    public async Task Requests_that_wait_are_merged_and_each_gets_its_own_actions()
    {
        using var gate = new ManualResetEventSlim(true);
        int largest = 0;
        using var policy = new ScriptedPolicy(Contract, (observations, actions, temperature, uniforms) =>
        {
            gate.Wait();
            largest = Math.Max(largest, observations.Count);
            for (int i = 0; i < actions.Length; i++) actions[i] = observations.States[i / 21 * 8] + (temperature > 0 ? uniforms[i] : 0);
        });
        await using var server = await PolicyServer.StartAsync(policy, Options with { MaxBatch = 4 });
        var clients = await Task.WhenAll(Enumerable.Range(0, 9).Select(_ => OpenPiClient.ConnectAsync(server.Uri)));
        gate.Reset();
        var replies = clients.Select((c, i) => c.InferAsync(Observation(i))).ToArray();
        Assert.Equal(8, await WithinAsync(() => server.Metrics.Waiting, 8));
        gate.Set();
        for (int i = 0; i < replies.Length; i++) Assert.All((await replies[i]).Actions, a => Assert.Equal(i, a));
        Assert.Equal(4, largest);
        Assert.Equal(9, server.Metrics.Requests);
        Assert.InRange(server.Metrics.Inferences, 3, 8);
        foreach (var client in clients) await client.DisposeAsync();
    }

    [Fact]
    public async Task A_failure_of_the_policy_reaches_only_the_client_that_caused_it()
    {
        using var gate = new ManualResetEventSlim(true);
        using var policy = new ScriptedPolicy(Contract, (observations, actions, _, _) =>
        {
            gate.Wait();
            for (int b = 0; b < observations.Count; b++)
            {
                if (observations.States[8 * b] == 13) throw new InvalidOperationException("unlucky");
                actions.Slice(b * 21, 21).Fill(observations.States[8 * b] == 14 ? float.NaN : 1);
            }
        });
        var log = new List<string>();
        await using var server = await PolicyServer.StartAsync(policy, Options with
        {
            Log = line =>
            {
                lock (log) log.Add(line);
            },
        });
        var clients = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => OpenPiClient.ConnectAsync(server.Uri)));
        gate.Reset();
        var replies = clients.Select((c, i) => c.InferAsync(Observation(i + 10))).ToArray();
        Assert.Equal(4, await WithinAsync(() => server.Metrics.Waiting, 4));
        gate.Set();
        for (int i = 0; i < 3; i++) Assert.Equal(1, (await replies[i]).Actions[20]);
        Assert.Equal("the policy failed: unlucky", (await Assert.ThrowsAsync<OpenPiServerException>(() => replies[3])).Message);
        Assert.Contains("NaN", (await Assert.ThrowsAsync<OpenPiServerException>(() => replies[4])).Message);
        Assert.Contains("unlucky", Assert.Single(log));
        foreach (var client in clients) await client.DisposeAsync();
    }

    [Fact]
    public async Task A_policy_is_swapped_a_hundred_times_under_load_without_a_lost_request()
    {
        ScriptedPolicy Constant(float value) => new(Contract, (_, actions, _, _) => actions.Fill(value));
        await using var server = await PolicyServer.StartAsync(Constant(0), Options);
        using var end = new CancellationTokenSource();
        var load = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            await using var client = await OpenPiClient.ConnectAsync(server.Uri);
            float newest = 0;
            int requests = 0;
            while (!end.IsCancellationRequested)
            {
                float now = (await client.InferAsync(Observation())).Actions[0];
                Assert.True(now >= newest, $"an older policy ({now}) answered after {newest}");
                newest = now;
                requests++;
            }

            return requests;
        })).ToArray();
        IPolicy? old = null;
        for (int i = 1; i <= 100; i++)
        {
            old = await server.SwapAsync(Constant(i));
            await Task.Delay(2);
        }

        end.Cancel();
        int[] counts = await Task.WhenAll(load);
        Assert.NotNull(old);
        Assert.Equal(counts.Sum(), server.Metrics.Requests);
        Assert.Equal(0, server.Metrics.Errors);
        await using var last = await OpenPiClient.ConnectAsync(server.Uri);
        Assert.Equal(100, (await last.InferAsync(Observation())).Actions[0]);
        var other = Contract with { ActionHorizon = 4 };
        Assert.Contains("horizon", (await Assert.ThrowsAsync<ArgumentException>(() => server.SwapAsync(BuiltInPolicies.Create("zero", other)))).Message);
    }

    [Fact]
    public async Task At_the_end_a_request_in_progress_is_answered_and_idle_clients_hear_goodbye()
    {
        using var entered = new ManualResetEventSlim();
        using var gate = new ManualResetEventSlim(true);
        using var policy = new ScriptedPolicy(Contract, (_, actions, _, _) =>
        {
            entered.Set();
            gate.Wait();
            actions.Fill(5);
        });
        var server = await PolicyServer.StartAsync(policy, Options);
        await using var busy = await OpenPiClient.ConnectAsync(server.Uri);
        using var idle = new ClientWebSocket();
        await idle.ConnectAsync(server.Uri, CancellationToken.None);
        byte[] buffer = new byte[1 << 16];
        await idle.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);

        gate.Reset();
        entered.Reset();
        var reply = busy.InferAsync(Observation());
        entered.Wait(TestContext.Current.CancellationToken);
        var ending = server.DisposeAsync().AsTask();
        Assert.Equal(WebSocketMessageType.Close, (await idle.ReceiveAsync(buffer.AsMemory(), CancellationToken.None)).MessageType);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, idle.CloseStatus);
        await idle.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        Assert.False(ending.IsCompleted);
        gate.Set();
        Assert.Equal(5, (await reply).Actions[0]);
        await Assert.ThrowsAnyAsync<WebSocketException>(() => busy.InferAsync(Observation()));
        await busy.DisposeAsync();
        await ending.WaitAsync(TimeSpan.FromSeconds(60));
        await Assert.ThrowsAnyAsync<WebSocketException>(() => OpenPiClient.ConnectAsync(server.Uri));
    }

    private static HttpClient Http(PolicyServer server) => new() { BaseAddress = new Uri($"http://127.0.0.1:{server.Port}") };
}
