using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using Engine.Client;
using Engine.Host.Realtime;
using Engine.Host.Serving;
using Engine.Host.Tests.Commands;
using Engine.Host.Tests.Serving;
using Engine.Host.Tests.Serving.Pipes;
using Engine.Kernels.Interop;
using Engine.Runtime.Contract;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Tests.Realtime;

/// <summary>Real processes and real time; bounds are wide, because machines are busy. What is exact is counted in ticks.</summary>
public sealed class TickProcessTests
{
    private const int Hold = 10, Ramp = 15;
    private static readonly TimeSpan s_long = TimeSpan.FromSeconds(60);

    private static readonly TickSettings s_settings = new()
    {
        Limits = [new ActionLimits(ActionKind.Absolute, -1e9, 1e9)],
        Horizon = 64,
        Rate = 200,
        HoldTicks = Hold,
        RampTicks = Ramp,
        AutoResume = true,
    };

    // Every number of a chunk is its sequence, so that a mixed chunk would show.
    private const string Writer = """
        #include "eng_realtime.h"
        #include <stdio.h>
        int main(int count, char** a) {
            eng_rt_ring* ring;
            uint64_t next;
            float rows[64] = {0};
            char text[256];
            if (count < 2 || eng_rt_attach(a[1], 1, &ring) || eng_rt_next_sequence(ring, &next)) {
                eng_rt_last_error(text, sizeof text);
                return fprintf(stderr, "%s\n", text), 1;
            }
            if (next == 1) eng_rt_anchor(ring, rows);
            puts("writing");
            fflush(stdout);
            for (;; next++) {
                for (int i = 0; i < 64; i++) rows[i] = (float)next;
                if (eng_rt_submit(ring, next, 0, 0, rows, 64) || eng_rt_beat(ring)) return 2;
            }
        }
        """;

    [Fact]
    public async Task A_writer_that_is_killed_while_it_writes_leads_to_the_safe_stop_in_time_and_no_mixed_chunk()
    {
        TickFixture.Need();
        var folder = Directory.CreateTempSubdirectory("tick-c");
        string ring = TickFixture.NewPath(), program = Path.Combine(folder.FullName, "writer");
        Compile("cc", program, Writer, "-std=c11", "-O1");
        using var tick = await TickProcess.StartAsync(ring, s_settings);
        try
        {
            using var reader = ActionRing.OpenReader(ring);
            for (int round = 0; round < 3; round++)
            {
                using var writer = Process.Start(new ProcessStartInfo(program, [ring]) { RedirectStandardOutput = true })!;
                Assert.Equal("writing", await writer.StandardOutput.ReadLineAsync());
                ulong before = await ReachAsync(reader, TickState.Running);
                await Task.Delay(30);
                writer.Kill();
                await AssertStopsAsync(reader, before, (long)MonotonicClock.Nanoseconds, publication =>
                {
                    // Whole float32 numbers, all of one chunk: the position is the sequence.
                    if (publication.Source == TickState.Running) Assert.Equal((float)publication.Chunk, publication.Position[0]);
                });
                await writer.WaitForExitAsync();
                Assert.Equal(StopReason.WriterGone, reader.ReadStatus().Reason);
            }

            Assert.Equal(0ul, reader.ReadStatus().RefusedStale + reader.ReadStatus().RefusedShape);
            Assert.Equal(0, await tick.EndAsync());
        }
        finally
        {
            await tick.EndAsync();
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Sigterm_ramps_to_the_safe_stop_and_ends_with_0()
    {
        TickFixture.Need();
        string ring = TickFixture.NewPath();
        using var tick = await TickProcess.StartAsync(ring, s_settings);
        using var writer = ActionRing.OpenWriter(ring);
        writer.Anchor([0]);
        float[] far = [.. Enumerable.Range(1, 64).Select(i => 1000f * i)];
        writer.Submit(far);
        await ReachAsync(writer, TickState.Running);
        Assert.Equal(0, await tick.EndAsync());
        var status = writer.ReadStatus();
        Assert.Equal((TickState.Stopped, StopReason.Ending), (status.State, status.Reason));
        Assert.True(writer.TryRead(status.Ticks - 1, out var last));
        Assert.True(writer.TryRead(status.Ticks, out var stopped));
        Assert.Equal((TickState.Ramp, TickState.Stopped), (last.Source, stopped.Source));
        Assert.Equal(last.Position[0], stopped.Position[0]);
        Assert.False(File.Exists(ring));
        Assert.Equal(RealtimeStatus.Gone, Assert.Throws<RealtimeException>(() => writer.Wait(status.Ticks, TimeSpan.FromMilliseconds(1))).Status);
        Assert.Equal(status.Ticks, Sum(status.Lateness));
        Assert.InRange(LatenessHistogram.Percentile(status, 0.5), 1, status.LatenessMaxNanoseconds);
    }

    [Fact]
    public async Task What_the_system_does_not_permit_is_reported_and_it_ticks_all_the_same()
    {
        TickFixture.Need();
        string program = Path.Combine(Path.GetDirectoryName(NativeLibraryLocator.Find("eng_realtime"))!, TickProcess.Program), ring = Path.Combine("/tmp", $"engine-test-{Guid.NewGuid():N}");
        string[] drop = Environment.UserName == "root" ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
        string[] command = ["prlimit", "--rtprio=0:0", "--memlock=0:0", .. drop, program, .. s_settings.ToArguments(ring, 40, 1)];
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true })!;
        }
        catch (Win32Exception)
        {
            Assert.Skip("prlimit is not installed");
            return;
        }

        using (process)
        {
            string? ready = await process.StandardOutput.ReadLineAsync();
            Assert.SkipWhen(ready is null, "setpriv is missing, or another user cannot run the program here");
            Assert.EndsWith("scheduler=other memory=unlocked", ready, StringComparison.Ordinal);
            // Nobody writes: after a second it ends by itself.
            await process.WaitForExitAsync().WaitAsync(s_long);
            Assert.Equal(0, process.ExitCode);
        }
    }

    [Fact]
    public async Task No_clock_but_the_monotonic_one_is_read()
    {
        TickFixture.Need();
        // Whoever asks for the time of day falls dead.
        const string shim = """
            #define _GNU_SOURCE
            #include <stdlib.h>
            #include <sys/syscall.h>
            #include <sys/time.h>
            #include <time.h>
            #include <unistd.h>
            int clock_gettime(clockid_t id, struct timespec* t) { if (id != CLOCK_MONOTONIC) abort(); return (int)syscall(SYS_clock_gettime, id, t); }
            int clock_nanosleep(clockid_t id, int flags, const struct timespec* t, struct timespec* left) {
                if (id != CLOCK_MONOTONIC) abort();
                return (int)syscall(SYS_clock_nanosleep, id, flags, t, left) == 0 ? 0 : 4;
            }
            int gettimeofday(struct timeval* t, void* zone) { (void)t; (void)zone; abort(); }
            time_t time(time_t* t) { (void)t; abort(); }
            """;
        var folder = Directory.CreateTempSubdirectory("tick-clock");
        string library = Path.Combine(folder.FullName, "clocks.so"), ring = TickFixture.NewPath();
        try
        {
            Compile("cc", library, shim, "-shared", "-fPIC");
            var start = new ProcessStartInfo(Path.Combine(Path.GetDirectoryName(NativeLibraryLocator.Find("eng_realtime"))!, TickProcess.Program), s_settings.ToArguments(ring, 40, 1))
            {
                RedirectStandardOutput = true,
            };
            start.Environment["LD_PRELOAD"] = library;
            using var process = Process.Start(start)!;
            Assert.StartsWith("ready", await process.StandardOutput.ReadLineAsync(), StringComparison.Ordinal);
            using (var writer = ActionRing.OpenWriter(ring))
            {
                writer.Anchor([0]);
                writer.Submit([.. Enumerable.Range(1, 64).Select(i => (float)i)]);
                await ReachAsync(writer, TickState.Running);
                await ReachAsync(writer, TickState.Stopped);
            }

            await process.WaitForExitAsync().WaitAsync(s_long);
            Assert.Equal(0, process.ExitCode);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_host_is_killed_in_the_middle_of_an_episode_and_the_arm_stops_safely()
    {
        TickFixture.Need();
        Assert.SkipUnless(NativeLibraryLocator.TryFind("eng_mujoco") is not null, "the simulator's library is not built here");
        string ring = TickFixture.NewPath();
        await using var server = await PipeServerFixture.StartAsync(policy: Drifting());
        using var program = new ProgramProcess(
            "tick", "--server", $"unix:{server.Path}", "--ring", ring, "--rate", "50", "--hold", $"{Hold}", "--ramp", $"{Ramp}", "--episodes", "0", "--linger", "2");
        Assert.StartsWith("ready", await program.ReadLineAsync(), StringComparison.Ordinal);
        using var reader = ActionRing.OpenReader(ring);
        await ReachAsync(reader, TickState.Running);
        await Task.Delay(300);
        ulong before = await ReachAsync(reader, TickState.Running);
        program.Signal("KILL");
        await AssertStopsAsync(reader, before, (long)MonotonicClock.Nanoseconds, _ => { });
        Assert.Equal(StopReason.WriterGone, reader.ReadStatus().Reason);
        // Alone and stopped, it ends after two seconds and takes its ring away.
        for (int i = 0; i < 1200 && File.Exists(ring); i++) await Task.Delay(50);
        Assert.False(File.Exists(ring));
    }

    [Fact]
    public async Task The_server_dies_and_the_verb_stops_the_arm_and_ends_cleanly_by_sigterm()
    {
        TickFixture.Need();
        Assert.SkipUnless(NativeLibraryLocator.TryFind("eng_mujoco") is not null, "the simulator's library is not built here");
        string ring = TickFixture.NewPath();
        using var program = await WithServerAsync();
        using var reader = ActionRing.OpenReader(ring);
        await program.WaitForErrorAsync("the server is lost");
        await ReachAsync(reader, TickState.Stopped);
        Assert.True(reader.ReadStatus().Reason is StopReason.Heartbeat or StopReason.ChunkRanOut);
        program.Signal("TERM");
        string all = "";
        while (await program.ReadLineAsync() is { } line) all += line + "\n";
        var (status, error) = await program.EndAsync();
        Assert.True(status == 0, error);
        Assert.Contains("lateness p50", all, StringComparison.Ordinal);
        Assert.Contains("  from ", all, StringComparison.Ordinal);
        Assert.False(File.Exists(ring));

        async Task<ProgramProcess> WithServerAsync()
        {
            await using var server = await PipeServerFixture.StartAsync(policy: Drifting());
            var started = new ProgramProcess("tick", "--server", $"unix:{server.Path}", "--ring", ring, "--rate", "50", "--episodes", "0");
            Assert.StartsWith("ready", await started.ReadLineAsync(), StringComparison.Ordinal);
            using var first = ActionRing.OpenReader(ring);
            await ReachAsync(first, TickState.Running);
            return started;
        }
    }

    [Fact]
    public async Task The_verb_drives_the_simulator_through_a_server_episode_by_episode()
    {
        TickFixture.Need();
        Assert.SkipUnless(NativeLibraryLocator.TryFind("eng_mujoco") is not null, "the simulator's library is not built here");
        string ring = TickFixture.NewPath();
        await using var server = await PipeServerFixture.StartAsync(policy: Drifting());
        using var program = new ProgramProcess("tick", "--server", $"unix:{server.Path}", "--ring", ring, "--rate", "20", "--hold", "2", "--ramp", "2", "--episodes", "2");
        string all = "";
        while (await program.ReadLineAsync() is { } line) all += line + "\n";
        var (status, error) = await program.EndAsync();
        Assert.True(status == 0, error);
        foreach (string said in new[] { "episode 0: ", "episode 1: " }) Assert.Contains(said, error, StringComparison.Ordinal);
        Assert.Contains("episodes reached their goal", all, StringComparison.Ordinal);
        Assert.Contains("Stopped (Asked)", all, StringComparison.Ordinal);
        foreach (string fault in new[] { "refused", "lost", "beyond", "workspace" }) Assert.DoesNotContain(fault, all + error, StringComparison.Ordinal);
        // One chunk an action and one at least for every step of two episodes that nobody ends before their time.
        Assert.True(server.Server.Metrics.Requests >= 20, all);
    }

    // Ten seconds of slow motion in one chunk, for the simulator's arm.
    private static ScriptedPolicy Drifting() => new(
        BuiltInPolicies.DefaultContract with
        {
            Name = "drifting",
            Cameras = [],
            StateNames = TabletopEmbodiment.StateNames,
            ActionNames = TabletopEmbodiment.ActionNames,
            Embodiment = TabletopEmbodiment.Spec,
            ActionHorizon = 50,
            ReplanEvery = 1,
        },
        (_, actions, _, _) =>
        {
            for (int i = 0; i < actions.Length; i++) actions[i] = i % 7 == 6 ? 1 : 0.0005f;
        });

    /// <summary>Waits for a state; gives the tick.</summary>
    private static async Task<ulong> ReachAsync(ActionRing ring, TickState state)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < s_long; await Task.Delay(5))
        {
            if (ring.TryRead(out var publication) && publication.Source == state) return publication.Tick;
        }

        Assert.Fail($"the tick does not come to {state}: {ring.ReadStatus().State}");
        return 0;
    }

    /// <summary>Follows every tick from one that runs: exactly Hold holds and Ramp ramps after the last chunk's, and the first at most a tick after the death.</summary>
    private static async Task AssertStopsAsync(ActionRing ring, ulong tick, long killed, Action<TickPublication> look)
    {
        var states = new List<TickState>();
        Assert.True(ring.TryRead(tick, out var begun), "the machine is too busy to follow the ticks");
        long lastRunning = begun.TimeNanoseconds, stopped = 0;
        while (stopped == 0)
        {
            Assert.True(await Task.Run(() => ring.Wait(tick, s_long)));
            if (!ring.TryRead(tick + 1, out var publication))
            {
                // This test was kept from running for more than 64 ticks: what it missed it cannot judge.
                Assert.True(ring.TryRead(out publication));
                Assert.SkipWhen(publication.Source == TickState.Stopped, "the machine is too busy to follow the ticks");
            }

            tick = publication.Tick;
            look(publication);
            if (publication.Source == TickState.Running) (lastRunning, _) = (publication.TimeNanoseconds, states.RemoveAll(_ => true));
            else if (publication.Source == TickState.Stopped) stopped = publication.TimeNanoseconds;
            else states.Add(publication.Source);
        }

        TickState[] expected = [.. Enumerable.Repeat(TickState.Hold, Hold), .. Enumerable.Repeat(TickState.Ramp, Ramp)];
        long period = (long)(1e9 / ring.Settings.Rate);
        // A tick that was missed counts for the hold without being published.
        if (ring.ReadStatus().Missed == 0)
        {
            Assert.Equal(expected, states);
            Assert.Equal((Hold + Ramp + 1) * period, stopped - lastRunning);
        }

        // The kernel takes the locks of a killed process away when it gets to it; a second is ample.
        Assert.InRange(stopped - killed, -period, (Hold + Ramp + 2) * period + 1_000_000_000);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"safe stop {(stopped - killed) / 1e6:0.0} ms after the death, {(lastRunning - killed) / 1e6:0.0} ms to the last action"));
    }

    private static void Compile(string compiler, string output, string source, params string[] options)
    {
        File.WriteAllText(output + ".c", source);
        string library = NativeLibraryLocator.Find("eng_realtime"), folder = Path.GetDirectoryName(library)!;
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); ; at = at.Parent ?? throw new DirectoryNotFoundException("no Engine.sln above the tests"))
        {
            if (!File.Exists(Path.Combine(at.FullName, "Engine.sln"))) continue;
            string[] arguments = [.. options, "-I", Path.Combine(at.FullName, "native", "realtime"), "-o", output, output + ".c", library, $"-Wl,-rpath,{folder}"];
            try
            {
                using var process = Process.Start(new ProcessStartInfo(compiler, arguments) { RedirectStandardError = true })!;
                string said = process.StandardError.ReadToEnd();
                process.WaitForExit();
                Assert.True(process.ExitCode == 0, said);
                return;
            }
            catch (Win32Exception)
            {
                Assert.Skip($"{compiler} is not installed");
            }
        }
    }

    private static ulong Sum(ReadOnlySpan<ulong> counts)
    {
        ulong sum = 0;
        foreach (ulong count in counts) sum += count;
        return sum;
    }
}
