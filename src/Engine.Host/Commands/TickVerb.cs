using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Engine.Client;
using Engine.Host.Configuration;
using Engine.Host.Realtime;
using Engine.Host.Serving;
using Engine.Runtime.Contract;
using Engine.Runtime.Policies;

namespace Engine.Host.Commands;

/// <summary>Starts the control tick's process, shows its state, and ends it by the safe stop. With a server, drives the embedded simulator through it.</summary>
public sealed partial class TickVerb : Verb
{
    private static readonly TimeSpan s_report = TimeSpan.FromSeconds(1);

    private readonly Option<string> _ring = new("--ring") { Description = "Path of the ring.", HelpName = "path", DefaultValueFactory = _ => $"/dev/shm/engine-tick-{Environment.UserName}" };
    private readonly Option<string?> _policy = new("--policy", "-p") { Description = "Policy whose contract gives limits, rate and horizon: a folder, or echo.", HelpName = "folder" };
    private readonly Option<string?> _server = new("--server") { Description = "Take chunks from this server (engine serve --unix) for the embedded simulator as the robot; limits from its contract.", HelpName = "unix:path|tcp:host:port" };
    private readonly Option<double> _rate = new("--rate") { Description = "Ticks a second, a whole multiple of the contract's control rate; that rate unless given.", HelpName = "Hz" };
    private readonly Option<int?> _hold = new("--hold") { Description = "Ticks that the last action is repeated; those of two actions unless given.", HelpName = "ticks" };
    private readonly Option<int?> _ramp = new("--ramp") { Description = "Ticks from there to standing still; those of one action unless given.", HelpName = "ticks" };
    private readonly Option<int?> _heartbeat = new("--heartbeat") { Description = "Greatest age of the heartbeat; 0 does not watch it. 500, or two actions, unless given.", HelpName = "ms" };
    private readonly Option<string?> _acceleration = new("--acceleration") { Description = "Greatest accelerations in x, y, z (m/s²), roll, pitch, yaw (rad/s²); none unless given.", HelpName = "a,a,a,a,a,a" };
    private readonly Option<bool> _refuse = new("--refuse") { Description = "Refuse chunks with actions beyond a limit instead of clamping them." };
    private readonly Option<bool> _autoResume = new("--auto-resume") { Description = "A new chunk ends a stop that nobody asked for." };
    private readonly Option<int> _priority = new("--priority") { Description = "Priority under SCHED_FIFO, 1 to 99; 0 for the ordinary scheduler.", DefaultValueFactory = _ => 40, HelpName = "number" };
    private readonly Option<int> _linger = new("--linger") { Description = "Should this program die: the tick ends this long after it has stopped the arm; 0: never by itself.", HelpName = "s" };
    private readonly Option<double> _seconds = new("--seconds") { Description = "End after this time.", HelpName = "s" };
    private readonly Option<string> _task = new("--task") { Description = "With --server: task of the simulator.", DefaultValueFactory = _ => "reach" };
    private readonly Option<int> _episodes = new("--episodes", "-n") { Description = "With --server: episodes; 0: without end.", DefaultValueFactory = _ => 1, HelpName = "number" };
    private readonly Option<ulong> _seed = new("--seed") { Description = "With --server: seed of the first episode.", DefaultValueFactory = _ => 50_000_000, HelpName = "number" };
    private readonly Option<string?> _send = new("--send") { Description = "Tell a tick that runs: resume, stop, or status to see it." };

    public override string Name => "tick";

    public override string Summary => "Run the control tick: one action a tick within limits, a safe stop when the source of actions fails.";

    public override IReadOnlyList<string> Examples =>
    [
        "tick --policy runs/quickstart/policies/online --rate 100",
        "tick --server unix:/tmp/engine.sock --task reach --episodes 3",
        "tick --send resume",
        "tick --policy echo --rate 1000 --seconds 10",
    ];

    public override void Configure(Command command)
    {
        _send.AcceptOnlyFromAmong("resume", "stop", "status");
        foreach (Option option in new Option[]
        {
            _ring, _policy, _server, _rate, _hold, _ramp, _heartbeat, _acceleration, _refuse, _autoResume, _priority, _linger, _seconds, _task, _episodes, _seed, _send,
        })
        {
            command.Add(option);
        }
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        string path = Path.GetFullPath(arguments.GetValue(_ring)!);
        if (arguments.GetValue(_send) is { } request) return Send(path, request, context.Out);
        if (arguments.GetValue(_priority) is < 0 or > 99) throw new UsageException("--priority must be 0 to 99");
        if (arguments.GetValue(_linger) < 0 || arguments.GetValue(_seconds) < 0 || arguments.GetValue(_episodes) < 0)
            throw new UsageException("--linger, --seconds and --episodes cannot be negative");

        using var robot = arguments.GetValue(_server) is { } server ? new SimulatedRobot(Connector(server), context.Progress.Note) : null;
        var settings = Settings(arguments, robot?.Contract ?? ContractOf(arguments.GetValue(_policy)));
        using var process = await TickProcess.StartAsync(path, settings, arguments.GetValue(_priority), arguments.GetValue(_linger));
        try
        {
            context.Out.WriteLine(process.Ready);
            context.Out.Flush();
            using var reader = ActionRing.OpenReader(path);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            if (arguments.GetValue(_seconds) is > 0 and var seconds) end.CancelAfter(TimeSpan.FromSeconds(seconds));
            int episodes = arguments.GetValue(_episodes) is > 0 and var some ? some : int.MaxValue;
            var work = robot is null
                ? Task.Delay(Timeout.Infinite, end.Token)
                : Task.Run(() => Drive(robot, path, arguments.GetValue(_task)!, arguments.GetValue(_seed), episodes, end.Token), CancellationToken.None);
            while (!work.IsCompleted && process.IsAlive && !end.IsCancellationRequested)
            {
                await Task.WhenAny(work, Task.Delay(s_report, end.Token));
                if (!context.Quiet && !work.IsCompleted && !end.IsCancellationRequested) context.Out.WriteLine(Line(reader.ReadStatus()));
            }

            if (work.IsFaulted) await work;
            // The arm is stopped before anything waits for the server.
            bool byItself = !process.IsAlive;
            int status = await process.EndAsync();
            await Task.WhenAny(work);
            var final = reader.ReadStatus();
            if (robot is not null) context.Out.WriteLine($"{robot.Successes} episodes reached their goal");
            context.Out.WriteLine(Line(final));
            context.Out.WriteLine($"{LatenessHistogram.Summary(final)}\n{LatenessHistogram.Text(final)}");
            if (byItself) throw new InvalidOperationException($"{TickProcess.Program} (process {final.ProcessId}) ended by itself with status {status}.");
            return status;
        }
        finally
        {
            await process.EndAsync();
        }
    }

    private static void Drive(SimulatedRobot robot, string path, string task, ulong seed, int episodes, CancellationToken cancellation)
    {
        using var ring = ActionRing.OpenWriter(path);
        robot.Run(ring, task, seed, episodes, cancellation);
    }

    private TickSettings Settings(ParseResult arguments, PolicyContract contract)
    {
        double[] acceleration = [];
        if (arguments.GetValue(_acceleration) is { } text)
        {
            string[] parts = text.Split(',');
            acceleration = [.. parts.Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out double a) && a > 0 ? a
                : throw new UsageException($"--acceleration: '{part}' is no positive number"))];
        }

        try
        {
            var settings = TickSettings.FromContract(contract, arguments.GetValue(_rate), acceleration);
            return settings with
            {
                HoldTicks = arguments.GetValue(_hold) ?? settings.HoldTicks,
                RampTicks = arguments.GetValue(_ramp) ?? settings.RampTicks,
                Heartbeat = arguments.GetValue(_heartbeat) is { } ms ? TimeSpan.FromMilliseconds(ms) : settings.Heartbeat,
                Refuse = arguments.GetValue(_refuse),
                AutoResume = arguments.GetValue(_autoResume),
            };
        }
        catch (ArgumentException error)
        {
            throw new UsageException(error.Message, error);
        }
    }

    private static PolicyContract ContractOf(string? policy)
    {
        if (policy is null) throw new UsageException("--policy is missing; name the folder of a policy (its contract gives the limits), or --server unix:path");
        if (BuiltInPolicies.Names.Contains(policy)) return BuiltInPolicies.DefaultContract;
        string folder = PolicyLocation.FolderOf(policy) ?? policy;
        string file = Path.Combine(folder, ContractFile.FileName);
        return File.Exists(file) ? ContractFile.Read(file) : throw new FileNotFoundException(PolicyLocation.Explain(policy), policy);
    }

    private static Func<PipeClient> Connector(string server)
    {
        if (server.StartsWith("unix:", StringComparison.Ordinal)) return () => PipeClient.ConnectUnix(server[5..]);
        var match = TcpAddress().Match(server);
        if (!match.Success) throw new UsageException($"--server is '{server}'; expected unix:path or tcp:host:port");
        var options = new PipeClientOptions { Token = Environment.GetEnvironmentVariable("ENGINE_TOKEN") };
        return () => PipeClient.ConnectTcp(match.Groups[1].Value, int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture), options);
    }

    private static int Send(string path, string request, TextWriter output)
    {
        using var ring = ActionRing.OpenReader(path);
        if (request == "resume") ring.Resume();
        else if (request == "stop") ring.Stop();
        ring.Wait(ring.ReadStatus().Ticks, TimeSpan.FromSeconds(2 / ring.Settings.Rate) + s_report);
        output.WriteLine(Line(ring.ReadStatus()));
        return 0;
    }

    private static string Line(in TickStatus now)
    {
        string reason = now.Reason == StopReason.None || now.State == TickState.Running ? "" : $" ({now.Reason})";
        (string Name, ulong Count)[] counts =
        [
            ("superseded", now.Superseded), ("torn", now.Torn), ("stale", now.RefusedStale), ("not finite", now.RefusedNotFinite), ("untimely", now.RefusedTime),
            ("beyond limits", now.RefusedLimits), ("misshapen", now.RefusedShape), ("positions refused", now.RefusedAnchors), ("ticks at the workspace", now.LimitedPosition),
            ("at the velocity", now.LimitedVelocity), ("at the acceleration", now.LimitedAcceleration), ("holds", now.Holds), ("stops", now.Stops),
            ("heartbeats lost", now.HeartbeatsLost), ("ticks missed", now.Missed),
        ];
        string events = string.Concat(counts.Where(count => count.Count > 0).Select(count => $", {count.Name} {count.Count}"));
        return $"tick {now.Ticks} {now.State}{reason}: chunk {now.Chunk}, accepted {now.Accepted}{events}; {LatenessHistogram.Summary(now)}";
    }

    [GeneratedRegex(@"^tcp:(.+):(\d{1,5})$")]
    private static partial Regex TcpAddress();
}
