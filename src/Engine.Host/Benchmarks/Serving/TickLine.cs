using Engine.Client;
using Engine.Host.Realtime;
using Engine.Host.Serving;
using Engine.Kernels.Interop;

namespace Engine.Host.Benchmarks.Serving;

/// <summary>The control tick at 100 Hz while every core computes; and a server that is killed while a robot's program moves the arm with its chunks.</summary>
internal sealed class TickLine : IServingLine
{
    private const int Hold = 5, Kills = 5;
    private const double Rate = 100;

    public string Name => "tick";

    public async Task<IReadOnlyList<Figure>> MeasureAsync(ServingRun run)
    {
        if (NativeLibraryLocator.TryFind("eng_realtime") is null) return [new Figure("control tick", "", "", "its library is not built here (./engine setup)")];
        var settings = TickSettings.FromContract(BuiltInPolicies.DefaultContract, Rate) with { HoldTicks = Hold, RampTicks = 0 };
        var (gone, stops) = (new List<double>(), new List<double>());
        for (int kill = 0; kill < Kills; kill++)
        {
            var (afterKill, afterGone) = await KillAsync(settings, run);
            gone.Add(afterKill);
            stops.Add(afterGone);
        }

        double most = (Hold + 1) * 1000 / Rate;
        string before = $"from SIGKILL until then {Bound.Number(gone.Min(), "0.0")} … {Bound.Number(gone.Max(), "0.0")} ms, in which the kernel takes down the server's memory and then its sockets";
        return
        [
            await JitterAsync(settings, run),
            Bound.Of($"server killed: from the tick's loss of its writer until the arm stands, control tick of {Rate} Hz, hold of {Hold} ticks, ms", stops.Max(), most, "0.0", $"greatest of {Kills}, least {Bound.Number(stops.Min(), "0.0")}; {before}"),
        ];
    }

    private static async Task<Figure> JitterAsync(TickSettings settings, ServingRun run)
    {
        string ring = NewRing();
        using var tick = await TickProcess.StartAsync(ring, settings);
        try
        {
            using (var robots = new Robots(run.Cancellation))
            {
                for (int core = 0; core < Environment.ProcessorCount; core++) robots.Start(0, 0, () => (() => Thread.SpinWait(100_000), () => { }));
                robots.RunFor(TimeSpan.FromSeconds(6 * run.Seconds));
            }

            using var reader = ActionRing.OpenReader(ring);
            var status = reader.ReadStatus();
            string place = status.Priority > 0 ? $"SCHED_FIFO {status.Priority}" : "ordinary scheduler";
            return new Figure($"control tick of {Rate} Hz, {Environment.ProcessorCount} cores computing, lateness p99.9, µs", Bound.Number(LatenessHistogram.Percentile(status, 0.999) / 1e3, "0"),
                $"p50 {Bound.Number(LatenessHistogram.Percentile(status, 0.5) / 1e3, "0")}, greatest {Bound.Number(status.LatenessMaxNanoseconds / 1e3, "0")}, missed {status.Missed}", $"{status.Ticks} ticks, {place}");
        }
        finally
        {
            await tick.EndAsync();
        }
    }

    /// <summary>Milliseconds from the server's SIGKILL until the robot's program has seen its connection end and let go of the ring, and from there to the first tick on which the arm stands.</summary>
    private static async Task<(double Gone, double Stopped)> KillAsync(TickSettings settings, ServingRun run)
    {
        string path = NewRing();
        using var server = await ServerProcess.StartAsync();
        using var tick = await TickProcess.StartAsync(path, settings);
        try
        {
            using var reader = ActionRing.OpenReader(path);
            var robot = Task.Run(() => Drive(server.UnixPath, path), run.Cancellation);
            while (!(reader.TryRead(out var moving) && moving.Source == TickState.Running))
            {
                if (robot.IsCompleted) await robot;
                await Task.Delay(10, run.Cancellation);
            }

            await Task.Delay(Random.Shared.Next(50, 100), run.Cancellation);
            long killed = (long)MonotonicClock.Nanoseconds;
            server.Kill();
            TickPublication now;
            while (!reader.TryRead(out now) || now.Source != TickState.Stopped)
            {
                run.Cancellation.ThrowIfCancellationRequested();
                reader.Wait(reader.ReadStatus().Ticks, TimeSpan.FromSeconds(1));
            }

            long gone = await robot;
            return ((gone - killed) / 1e6, (now.TimeNanoseconds - gone) / 1e6);
        }
        finally
        {
            await tick.EndAsync();
        }
    }

    /// <summary>A robot's program: newest chunk to the ring every tick; when the server is gone it lets go of the ring, which the tick notices. Gives that time.</summary>
    private static long Drive(string unixPath, string ringPath)
    {
        using var ring = ActionRing.OpenWriter(ringPath);
        using var client = PipeClient.ConnectUnix(unixPath);
        Observations.Fill(client);
        client.State.Fill(0.0001f);
        ring.Anchor(new float[client.Layout.ActionWidth]);
        ring.Wait(ring.ReadStatus().Ticks + 1, TimeSpan.FromSeconds(1));
        ring.Resume();
        try
        {
            while (true)
            {
                ring.Submit(client.Step(), (long)MonotonicClock.Nanoseconds);
                ring.Beat();
                ring.Wait(ring.ReadStatus().Ticks, TimeSpan.FromSeconds(1));
            }
        }
        catch (IOException)
        {
            ring.Dispose();
            return (long)MonotonicClock.Nanoseconds;
        }
    }

    private static string NewRing() => $"/dev/shm/engine-bench-{Guid.NewGuid():N}";
}
