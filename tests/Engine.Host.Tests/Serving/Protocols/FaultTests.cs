using System.Diagnostics;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Host.Serving.MsgPack;
using static Engine.Host.Tests.Serving.Protocols.Robot;
using static Engine.Host.Tests.Serving.ServingFixtures;

namespace Engine.Host.Tests.Serving.Protocols;

/// <summary>Faults of the policy and of the machine, in the form of every protocol, each followed by a good request that is answered.</summary>
public sealed class FaultTests
{
    public static TheoryData<string> Every => [.. Names];

    [Theory]
    [MemberData(nameof(Every))]
    public async Task A_policy_that_throws_or_gives_NaN_or_leaves_its_limits_fails_that_request_and_no_other(string protocol)
    {
        using var policy = new ScriptedPolicy(Contract with { Name = "echo" }, (observations, actions, _, _) =>
        {
            for (int b = 0; b < observations.Count; b++)
            {
                float first = observations.States[8 * b];
                if (first == 13) throw new InvalidOperationException("unlucky");
                actions.Slice(21 * b, 21).Fill(first == 14 ? float.NaN : first == 15 ? 100 : 0);
            }
        });
        var options = Options with { GrpcPort = 0, ZmqPort = 0, PipePort = 0, GrootState = "all:8", Limits = LimitMode.Refuse };
        await using var server = await PolicyServer.StartAsync(policy, options);
        using var bystander = Connect(protocol, server);
        foreach (var (first, said) in new[] { (13f, "unlucky"), (14f, "NaN"), (15f, "allow") })
        {
            using (var robot = Connect(protocol, server))
                Assert.Contains(said, (await Assert.ThrowsAsync<Refusal>(() => robot.AskAsync(new Sight(first)))).Message);
            Assert.Equal(new float[21], await bystander.AskAsync(new Sight(0)));
        }

        string metrics = server.Metrics.ToPrometheus();
        Assert.Contains("engine_actions_not_finite_total 1\n", metrics);
        Assert.Contains("engine_actions_refused_total 1\n", metrics);
        Assert.Contains("engine_request_errors_total 3\n", metrics);
    }

    [Fact]
    public async Task A_policy_of_the_catalogue_that_does_not_load_leaves_the_old_one()
    {
        using var policy = BuiltInPolicies.Create("echo", Contract);
        var catalogue = new Dictionary<string, Func<Runtime.Contract.IPolicy>> { ["broken"] = () => throw new InvalidDataException("no graph") };
        await using var server = await PolicyServer.StartAsync(policy, Options with { Catalogue = catalogue });
        await using (var client = await OpenPiClient.ConnectAsync(server.Uri))
            Assert.Contains("the old policy stays: no graph", (await Assert.ThrowsAsync<OpenPiServerException>(() => client.SwitchAsync("broken"))).Message);
        await using var next = await OpenPiClient.ConnectAsync(server.Uri);
        Assert.Equal(0.75f, (await next.InferAsync(Observation(0.75f))).Actions[0]);
    }

    [Fact]
    public async Task A_deadline_that_is_missed_is_told_and_counted()
    {
        await using var fixture = await Pipes.PipeServerFixture.StartAsync();
        using var pipe = Pipes.RawPipe.Connect(fixture.Path).Hello();
        byte[] record = pipe.Record();
        pipe.Send(Pipes.RawPipe.Frame(pipe.Header(Client.PipeKind.Observe, record.Length) with { Deadline = 1 }, record));
        Assert.Equal(Client.PipeErrorCode.Deadline, pipe.Receive().Header.Code);
        Assert.Equal(3, pipe.Ask(3));
        Assert.Equal(1, fixture.Server.Metrics.Late);
        Assert.Contains("engine_deadlines_missed_total 1\n", fixture.Server.Metrics.ToPrometheus());
    }

    /// <summary>The real program with a time of day that jumps an hour back or forth at every look; its clients do not notice.</summary>
    [Fact]
    public async Task A_clock_that_steps_changes_nothing()
    {
        const string shim = """
            #define _GNU_SOURCE
            #include <sys/syscall.h>
            #include <time.h>
            #include <unistd.h>
            int clock_gettime(clockid_t id, struct timespec* t) {
                static int looks;
                int status = (int)syscall(SYS_clock_gettime, id, t);
                if (status == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) t->tv_sec += 3600 * (__atomic_fetch_add(&looks, 1, __ATOMIC_RELAXED) % 3 - 1);
                return status;
            }
            """;
        if (!OperatingSystem.IsLinux() || !File.Exists("/usr/bin/cc")) Assert.Skip("there is no C compiler to build the clock with");
        var folder = Directory.CreateTempSubdirectory("clock");
        try
        {
            string source = Path.Combine(folder.FullName, "clock.c"), library = Path.Combine(folder.FullName, "clock.so"), recording = Path.Combine(folder.FullName, "recording");
            File.WriteAllText(source, shim);
            using (var compiler = Process.Start("/usr/bin/cc", ["-shared", "-fPIC", "-o", library, source]))
            {
                await compiler.WaitForExitAsync();
                Assert.Equal(0, compiler.ExitCode);
            }

            string[] arguments = ["exec", Path.Combine(AppContext.BaseDirectory, "Engine.Host.dll"), "serve", "--policy", "echo", "--port", "0", "--pipe-port", "0", "--record", recording];
            var start = new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true };
            start.Environment["LD_PRELOAD"] = library;
            using var process = Process.Start(start)!;
            string[] ready = (await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(120)))!.Split(' ');
            await using (var client = await OpenPiClient.ConnectAsync(new Uri(ready[1])))
            {
                using var pipe = Client.PipeClient.ConnectTcp("127.0.0.1", int.Parse(ready.Single(word => word.StartsWith("pipe_port=", StringComparison.Ordinal))["pipe_port=".Length..], null));
                var observation = new MsgPackMap
                {
                    ["observation/image"] = NumpyArray.From(new byte[12], 2, 2, 3),
                    ["observation/wrist_image"] = NumpyArray.From(new byte[12], 2, 2, 3),
                    ["observation/state"] = NumpyArray.From([0.5f, 1, 2, 3, 4, 5, 6, 7], 8),
                    ["prompt"] = "go",
                };
                for (int i = 0; i < 50; i++)
                {
                    Assert.Equal(0.5f, (await client.InferAsync(observation)).Actions[0]);
                    pipe.State[0] = i;
                    Assert.Equal(i, pipe.Step(TimeSpan.FromSeconds(30))[0]);
                    Assert.False(pipe.Late);
                }
            }

            using (var kill = Process.Start("kill", ["-TERM", $"{process.Id}"])) kill.WaitForExit();
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
            Assert.Equal(0, process.ExitCode);
            Assert.Equal(2, Engine.Host.Serving.Recording.RecordingFolder.Open(recording).Count);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
