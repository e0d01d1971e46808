using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Engine.Host.Serving;
using Engine.Host.Serving.Client;
using Engine.Runtime.Contract;
using Engine.Runtime.WorldModel;
using Engine.Simulation.Tabletop;

namespace Engine.Host.Commands;

/// <summary>Times whole jobs on this machine: dreams, the simulator, a served policy.</summary>
public sealed class BenchVerb : Verb
{
    private static readonly Dictionary<string, Action<BenchVerb, ParseResult, TextWriter, CancellationToken>> s_jobs = new()
    {
        ["world-model"] = (verb, arguments, output, cancellation) => verb.WorldModel(arguments, output, cancellation),
        ["simulator"] = (verb, arguments, output, cancellation) => verb.Simulator(arguments, output, cancellation),
        ["serve"] = (verb, arguments, output, cancellation) => verb.Serve(arguments, output, cancellation),
    };

    private readonly Argument<string[]> _what = new("job") { Description = $"What to time: {string.Join(", ", s_jobs.Keys)}; all when none is named.", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<double> _seconds = new("--seconds") { Description = "Time for each measurement.", DefaultValueFactory = _ => 2, HelpName = "number" };
    private readonly Option<string> _size = new("--size") { Description = "World model: small, medium or original (needs 8 GB).", DefaultValueFactory = _ => "small" };
    private readonly Option<int[]> _environments = new("--environments") { Description = "Dreams or tables that advance together.", DefaultValueFactory = _ => [1, 16, 64], AllowMultipleArgumentsPerToken = true };
    private readonly Option<DreamMode> _mode = new("--mode") { Description = "World model: what happens when the window slides.", DefaultValueFactory = _ => DreamMode.Exact };

    public override string Name => "bench";

    public override string Summary => "Time dreams, the simulator and serving on this machine.";

    public override IReadOnlyList<string> Examples => ["bench", "bench world-model --size medium --environments 1 8 --mode Streaming", "bench serve --seconds 10"];

    public override void Configure(Command command)
    {
        _size.AcceptOnlyFromAmong("small", "medium", "original");
        command.Add(_what);
        foreach (Option option in new Option[] { _seconds, _size, _environments, _mode }) command.Add(option);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        string[] jobs = arguments.GetValue(_what) is { Length: > 0 } named ? named : [.. s_jobs.Keys];
        foreach (string job in jobs)
        {
            if (!s_jobs.ContainsKey(job))
                throw new UsageException($"there is no benchmark '{job}'.{Configuration.NearestName.Question(job, s_jobs.Keys)} There are: {string.Join(", ", s_jobs.Keys)}");
        }

        if (arguments.GetValue(_seconds) <= 0) throw new UsageException("--seconds must be positive");
        if (arguments.GetValue(_environments)!.Any(count => count < 1)) throw new UsageException("--environments must be positive");
        foreach (string job in jobs)
        {
            context.Progress.Note($"timing {job}");
            // The jobs do not look at the token while they measure; the process ends anyway.
            await Task.Run(() => s_jobs[job](this, arguments, context.Out, cancellation), cancellation).WaitAsync(cancellation);
        }

        return 0;
    }

    private void WorldModel(ParseResult arguments, TextWriter output, CancellationToken cancellation)
    {
        string size = arguments.GetValue(_size)!;
        var config = size switch { "small" => WorldModelBenchmark.Small, "medium" => WorldModelBenchmark.Medium, _ => WorldModelBenchmark.Original };
        foreach (int environments in arguments.GetValue(_environments)!)
        {
            cancellation.ThrowIfCancellationRequested();
            output.WriteLine($"world-model {WorldModelBenchmark.Run(size, config, environments, arguments.GetValue(_mode), arguments.GetValue(_seconds))}");
        }
    }

    private void Simulator(ParseResult arguments, TextWriter output, CancellationToken cancellation)
    {
        foreach (int count in arguments.GetValue(_environments)!)
        {
            cancellation.ThrowIfCancellationRequested();
            using var tables = new TabletopEnvironment(new TabletopOptions { Count = count });
            var camera = tables.Info.Cameras[0];
            int[] all = Enumerable.Range(0, count).ToArray();
            var images = new byte[count * camera.Bytes];
            var actions = new float[count * 7];
            ulong episode = 0;
            tables.Reset(all, Specs(all, ref episode));
            long steps = 0;
            double stepping = 0, drawing = 0;
            var whole = Stopwatch.StartNew();
            while (whole.Elapsed.TotalSeconds < arguments.GetValue(_seconds))
            {
                int[] ended = all.Where(i => tables.Terminated(i) || tables.Truncated(i)).ToArray();
                if (ended.Length > 0) tables.Reset(ended, Specs(ended, ref episode));
                long start = Stopwatch.GetTimestamp();
                tables.Step(all, actions);
                stepping += Stopwatch.GetElapsedTime(start).TotalSeconds;
                start = Stopwatch.GetTimestamp();
                tables.Render(all, camera.Name, images);
                drawing += Stopwatch.GetElapsedTime(start).TotalSeconds;
                steps += count;
            }

            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"simulator B={count} threads={Environment.ProcessorCount}: {steps / stepping:0} control steps/s, {steps / drawing:0} frames/s of {camera.Width}×{camera.Height}, {steps / whole.Elapsed.TotalSeconds:0} steps with a frame/s"));
        }
    }

    private void Serve(ParseResult arguments, TextWriter output, CancellationToken cancellation) =>
        ServeAsync(arguments.GetValue(_seconds), output, cancellation).GetAwaiter().GetResult();

    private static async Task ServeAsync(double seconds, TextWriter output, CancellationToken cancellation)
    {
        using var echo = BuiltInPolicies.Create("echo");
        await using var server = await PolicyServer.StartAsync(echo, new ServeOptions { Port = 0 }, cancellation);
        using var client = await ServedPolicy.ConnectAsync(server.Uri, cancellationToken: cancellation);
        var contract = client.Contract;
        var observation = new ObservationBatch
        {
            Count = 1,
            Instructions = ["put the red cube in the bowl"],
            Images = contract.Cameras.ToDictionary(camera => camera.Name, camera => new byte[camera.Bytes]),
            States = new float[contract.StateNames.Length],
        };
        var actions = new float[contract.ActionHorizon * contract.ActionNames.Length];
        for (int i = 0; i < 200; i++) client.Act(observation, actions);
        client.Times.Clear();
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed.TotalSeconds < seconds)
        {
            cancellation.ThrowIfCancellationRequested();
            client.Act(observation, actions);
        }

        int bytes = contract.Cameras.Sum(camera => camera.Bytes);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"serve echo over a loopback WebSocket, {bytes / 1000} kB of images: p50 {client.Times.P50:0.000} ms, p99 {client.Times.P99:0.000} ms, {client.Times.Count} requests"));
    }

    private static EpisodeSpec[] Specs(int[] environments, ref ulong episode)
    {
        var specs = new EpisodeSpec[environments.Length];
        for (int i = 0; i < specs.Length; i++) specs[i] = new EpisodeSpec("reach", "in_distribution", episode++);
        return specs;
    }
}
