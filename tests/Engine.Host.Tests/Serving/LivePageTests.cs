using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving;

public sealed class LivePageTests
{
    [Fact]
    public async Task Sessions_show_their_instruction_last_actions_and_frames_while_they_last()
    {
        using var policy = BuiltInPolicies.Create("echo", Contract);
        await using var server = await PolicyServer.StartAsync(policy, Options);
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.Port}") };
        await using (var client = await OpenPiClient.ConnectAsync(server.Uri))
        {
            for (int i = 0; i < 130; i++) await client.InferAsync(Observation(i));
            var session = (await LiveAsync()).GetProperty("sessions")[0];
            Assert.Equal("reach the red cube", session.GetProperty("instruction").GetString());
            Assert.Equal(130, session.GetProperty("requests").GetInt64());
            float[] curve = [.. session.GetProperty("curves")[0].EnumerateArray().Select(v => v.GetSingle())];
            Assert.Equal((128, 2f, 129f), (curve.Length, curve[0], curve[^1]));

            byte[] png = await http.GetByteArrayAsync($"/frame?session={session.GetProperty("number").GetInt64()}&camera=top");
            Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], png[..4]);
            Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/frame?session=1&camera=../secret")).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/frame?session=x")).StatusCode);
        }

        await WithinAsync(() => server.Metrics.Sessions, 0);
        Assert.Equal(0, (await LiveAsync()).GetProperty("sessions").GetArrayLength());

        async Task<JsonElement> LiveAsync() => JsonDocument.Parse(await http.GetStringAsync("/live")).RootElement;
    }

    [Fact]
    public async Task A_browser_draws_sessions_frames_curves_and_times()
    {
        string? browser = new[] { "chromium", "chromium-browser", "google-chrome" }.Select(name => "/usr/bin/" + name).FirstOrDefault(File.Exists);
        Assert.SkipUnless(browser is not null, "no Chromium is installed");
        using var policy = BuiltInPolicies.Create("echo", Contract);
        await using var server = await PolicyServer.StartAsync(policy, Options);
        await using var client = await OpenPiClient.ConnectAsync(server.Uri);
        for (int i = 0; i < 40; i++)
        {
            var observation = Observation(MathF.Sin(i / 5f));
            var pixels = new byte[6 * 8 * 3];
            Array.Fill(pixels, (byte)(5 * i));
            observation["observation/top"] = NumpyArray.From(pixels, 6, 8, 3);
            await client.InferAsync(observation);
        }

        string profile = Directory.CreateTempSubdirectory("engine-browser-").FullName;
        try
        {
            var start = new ProcessStartInfo(browser!, ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", $"--user-data-dir={profile}", "--virtual-time-budget=4000", "--dump-dom", $"http://127.0.0.1:{server.Port}/"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            string page = await process.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(2));
            await process.WaitForExitAsync();
            Assert.True(page.Contains("session 1: reach the red cube (40 requests", StringComparison.Ordinal), page + await errors);
            Assert.Equal(2, page.Split("<img ").Length - 1);
            Assert.Equal(7, page.Split("<polyline ").Length - 1);
            Assert.Contains("<b>40</b> requests", page, StringComparison.Ordinal);
            Assert.Contains("class=\"bar\"", page, StringComparison.Ordinal);
            Assert.Contains("<p id=\"state\"></p>", page, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(profile, recursive: true);
        }
    }
}
