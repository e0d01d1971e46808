using System.ComponentModel;
using System.Diagnostics;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Pipes;

/// <summary>The clients in Python and C against a real server; skipped where there is no python3 or no C compiler.</summary>
public sealed class ForeignClientTests
{
    private const string PythonSession = """
        import sys
        from engine_client import EngineClient, EngineServerError, crc32c
        assert crc32c(b"123456789") == 0xE3069283
        unix, port, shared = sys.argv[1] or None, int(sys.argv[2]) or None, sys.argv[3] == "shared"
        with EngineClient(unix=unix, port=port, shared_memory=shared, spin_us=20 if shared else 0) as client:
            assert client.cameras == {"top": (6, 8), "wrist": (4, 4)}, client.cameras
            assert (client.horizon, client.action_width, client.state_width, client.replan_every, client.control_hz) == (3, 7, 8, 2, 10.0)
            assert client.contract["name"] == "echo"
            images = {"top": bytes(144), "wrist": bytearray(48)}
            for step in range(20):
                actions = client.step(images, [step + 0.5, 1, 2, 3, 4, 5, 6, 7], "größer" * step, budget=30)
                assert len(actions) == 3 and [float(a) for a in actions[2]] == [step + 0.5, 1, 2, 3, 4, 5, 6], actions
                assert 0 <= client.policy_ns <= client.server_ns and not client.late
            client.reset()
            client.ping()
            try:
                client.step(images, [float("nan")] * 8)
                assert False, "not a number was accepted"
            except EngineServerError as error:
                assert error.code == 8 and "nan" in str(error).lower(), error
            for bad in ({"top": bytes(144)}, {"top": bytes(143), "wrist": bytes(48)}):
                try:
                    client.step(bad, [0] * 8)
                    assert False, "bad images were accepted"
                except ValueError:
                    pass
            assert float(client.step(images, [4] * 8)[0][0]) == 4
        try:
            client.ping()
            assert False, "a closed client asked"
        except ConnectionError:
            pass
        print("all good")
        """;

    private const string CSession = """
        #include "eng_client.h"
        #include <math.h>
        #include <stdlib.h>
        #include <stdio.h>
        #include <string.h>
        #define CHECK(c) do { if (!(c)) { fprintf(stderr, "line %d: %s: %s\n", __LINE__, #c, eng_client_last_error()); return 1; } } while (0)
        int main(int count, char** a) {
            eng_client_options o = {0};
            o.unix_path = a[1][0] ? a[1] : NULL;
            o.port = atoi(a[2]);
            o.shared_memory = count > 3 && strcmp(a[3], "shared") == 0;
            o.spin_us = o.shared_memory ? 20 : 0;
            eng_client* c;
            CHECK(eng_client_hello(&o, &c) == 0);
            const eng_client_info* i = eng_client_about(c);
            CHECK(i->cameras == 2 && i->state_width == 8 && i->horizon == 3 && i->action_width == 7 && i->replan_every == 2 && i->control_hz == 10);
            CHECK(strstr(i->contract, "\"echo\""));
            const float* actions;
            char text[64];
            for (int step = 0; step < 20; step++) {
                eng_client_camera camera;
                CHECK(eng_client_image(c, 1, &camera) == 0 && camera.height == 4 && camera.width == 4 && strcmp(camera.name, "wrist") == 0);
                memset(camera.image, step, 48);
                float* state = eng_client_state(c);
                for (int k = 0; k < 8; k++) state[k] = (float)(step + k);
                snprintf(text, sizeof text, "step %d", step);
                CHECK(eng_client_instruction(c, text) == 0);
                CHECK(eng_client_step(c, 30000000000u, &actions) == 0);
                for (int k = 0; k < 21; k++) CHECK(actions[k] == (float)(step + k % 7));
                CHECK(i->policy_ns <= i->server_ns && !i->late);
            }
            CHECK(eng_client_reset(c) == 0);
            eng_client_state(c)[0] = NAN;
            CHECK(eng_client_step(c, 0, &actions) == 8 && strstr(eng_client_last_error(), "NaN"));
            eng_client_state(c)[0] = 4;
            CHECK(eng_client_step(c, 0, &actions) == 0 && actions[0] == 4);
            eng_client_camera none;
            CHECK(eng_client_image(c, 2, &none) == ENG_CLIENT_ARGUMENT && eng_client_temperature(c, -1) == ENG_CLIENT_ARGUMENT);
            eng_client_close(c);
            o.unix_path = "/nowhere/at/all";
            CHECK(eng_client_hello(&o, &c) == ENG_CLIENT_SYSTEM && c == NULL);
            puts("all good");
            return 0;
        }
        """;

    private static readonly string s_root = Root();

    [Theory]
    [InlineData("unix")]
    [InlineData("tcp")]
    [InlineData("shared")]
    public async Task Python(string transport)
    {
        Need("python3", "-c", "import sys, socket; sys.exit(0 if hasattr(socket, 'recv_fds') else 1)");
        await using var fixture = await PipeServerFixture.StartAsync();
        var (status, output) = Run("python3", ["-c", PythonSession, .. Arguments(fixture, transport)]);
        Assert.True(status == 0 && output.Contains("all good"), output);
        Assert.Equal(0, await WithinAsync(() => fixture.Server.Metrics.Sessions, 0));
        using var next = fixture.Client("unix");
        next.Step();
    }

    [Fact]
    public async Task Pythons_example_and_a_wrong_token()
    {
        Need("python3", "-c", "import sys, socket; sys.exit(0 if hasattr(socket, 'recv_fds') else 1)");
        await using var fixture = await PipeServerFixture.StartAsync(o => o with { Token = "correct horse" });
        string file = Path.Combine(s_root, "clients", "python", "engine_client.py");
        var (status, output) = Run("python3", [file, "--port", $"{fixture.Port}", "--token", "correct horse", "--steps", "2"]);
        Assert.True(status == 0 && output.Contains("step 1: [1.0, 1.0"), output);
        (status, output) = Run("python3", [file, "--port", $"{fixture.Port}", "--token", "wrong horse"]);
        Assert.True(status != 0 && output.Contains("EngineServerError: the server's token"), output);
    }

    [Fact]
    public async Task C()
    {
        Need("cc", "--version");
        string sources = Path.Combine(s_root, "native", "embed");
        var folder = Directory.CreateTempSubdirectory("pipe-c");
        try
        {
            string test = Path.Combine(folder.FullName, "test"), example = Path.Combine(folder.FullName, "example");
            File.WriteAllText(test + ".c", CSession);
            Compile(test, test + ".c");
            Compile(example, Path.Combine(sources, "example.c"));
            await using var fixture = await PipeServerFixture.StartAsync();
            foreach (string transport in new[] { "unix", "tcp", "shared" })
            {
                var (status, output) = Run(test, Arguments(fixture, transport));
                Assert.True(status == 0 && output.Contains("all good"), $"{transport}: {output}");
            }

            var (ended, text) = Run(example, [fixture.Path, "shared"]);
            Assert.True(ended == 0 && text.Contains("step 2: 2.25"), text);
            Assert.Equal(0, await WithinAsync(() => fixture.Server.Metrics.Sessions, 0));
            using var next = fixture.Client("ring");
            next.Step();
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        void Compile(string program, string source)
        {
            var (status, output) = Run(
                "cc", ["-std=c11", "-O1", "-I", sources, "-o", program, Path.Combine(sources, "eng_client.c"), source]);
            Assert.True(status == 0, output);
        }
    }

    private static string[] Arguments(PipeServerFixture fixture, string transport) =>
        transport == "tcp" ? ["", $"{fixture.Port}", transport] : [fixture.Path, "0", transport];

    private static void Need(string program, params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the client needs Linux");
        try
        {
            Assert.SkipUnless(Run(program, arguments).Status == 0, $"{program} is too old");
        }
        catch (Win32Exception)
        {
            Assert.Skip($"{program} is not installed");
        }
    }

    private static (int Status, string Output) Run(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PYTHONPATH"] = Path.Combine(s_root, "clients", "python");
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        start.Environment["PYTHONUTF8"] = "1";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(60_000), $"{program} does not end");
        return (process.ExitCode, output + error.GetAwaiter().GetResult());
    }

    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Engine.sln"))) return folder.FullName;
        }

        throw new DirectoryNotFoundException("no folder with Engine.sln above the test program");
    }
}
