using System.CommandLine;
using Engine.Host.Benchmarks;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Commands;

/// <summary>Times whole jobs on this machine: dreams, kernels, the simulator, a served policy; beside the original where it is given.</summary>
public sealed class BenchVerb : Verb
{
    private static readonly string[] s_jobs = ["world-model", "dream", "kernels", "simulator", "serve"];
    private static readonly Dictionary<string, WorldModelConfig> s_sizes = new()
    {
        ["small"] = WorldModelBenchmark.Small,
        ["medium"] = WorldModelBenchmark.Medium,
        ["large"] = WorldModelBenchmark.Large,
        ["original"] = WorldModelBenchmark.Original,
    };

    private readonly Argument<string[]> _what = new("job") { Description = $"What to time: {string.Join(", ", s_jobs)}; all when none is named.", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<double> _seconds = new("--seconds") { Description = "world-model, simulator, serve: time for each measurement.", DefaultValueFactory = _ => 2, HelpName = "number" };
    private readonly Option<int> _pairs = new("--pairs") { Description = "dream, kernels: pairs of measurements, taken in turns.", DefaultValueFactory = _ => 9, HelpName = "number" };
    private readonly Option<string[]> _size = new("--size") { Description = "world-model, dream: small, medium, large or original (needs 8 GB).", DefaultValueFactory = _ => ["small"], AllowMultipleArgumentsPerToken = true };
    private readonly Option<int[]> _environments = new("--environments") { Description = "world-model, simulator: dreams or tables that advance together.", DefaultValueFactory = _ => [1, 16, 64], AllowMultipleArgumentsPerToken = true };
    private readonly Option<DreamMode> _mode = new("--mode") { Description = "world-model: what happens when the window slides.", DefaultValueFactory = _ => DreamMode.Exact };
    private readonly Option<string?> _upstream = new("--upstream") { Description = "dream: a checkout of world-model-eval, whose own code is timed beside this one's.", HelpName = "folder" };
    private readonly Option<string> _python = new("--python") { Description = "dream: the interpreter for it, with torch and numpy.", DefaultValueFactory = _ => "python3", HelpName = "program" };

    public override string Name => "bench";

    public override string Summary => "Time dreams, kernels, the simulator and serving on this machine.";

    public override IReadOnlyList<string> Examples =>
        ["bench", "bench dream --size medium large --upstream ~/world-model-eval", "bench world-model --size medium --environments 1 8 --mode Streaming", "bench kernels --pairs 15"];

    public override void Configure(Command command)
    {
        _size.AcceptOnlyFromAmong([.. s_sizes.Keys]);
        command.Add(_what);
        foreach (Option option in new Option[] { _seconds, _pairs, _size, _environments, _mode, _upstream, _python }) command.Add(option);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        string[] jobs = arguments.GetValue(_what) is { Length: > 0 } named ? named : s_jobs;
        foreach (string job in jobs)
        {
            if (!s_jobs.Contains(job))
                throw new UsageException($"there is no benchmark '{job}'.{Configuration.NearestName.Question(job, s_jobs)} There are: {string.Join(", ", s_jobs)}");
        }

        if (arguments.GetValue(_seconds) <= 0) throw new UsageException("--seconds must be positive");
        if (arguments.GetValue(_pairs) < 1) throw new UsageException("--pairs must be positive");
        if (arguments.GetValue(_environments)!.Any(count => count < 1)) throw new UsageException("--environments must be positive");
        foreach (string job in jobs)
        {
            context.Progress.Note($"timing {job}");
            await Task.Run(() => RunJobAsync(job, arguments, context.Out, cancellation), cancellation).WaitAsync(cancellation);
        }

        return 0;
    }

    private async Task RunJobAsync(string job, ParseResult arguments, TextWriter output, CancellationToken cancellation)
    {
        double seconds = arguments.GetValue(_seconds);
        int pairs = arguments.GetValue(_pairs);
        string[] sizes = arguments.GetValue(_size)!;
        switch (job)
        {
            case "world-model":
                foreach (string size in sizes)
                {
                    foreach (int environments in arguments.GetValue(_environments)!)
                    {
                        cancellation.ThrowIfCancellationRequested();
                        output.WriteLine($"world-model {WorldModelBenchmark.Run(size, s_sizes[size], environments, arguments.GetValue(_mode), seconds)}");
                    }
                }

                break;
            case "dream":
                foreach (string size in sizes)
                {
                    var config = s_sizes[size];
                    string title = $"dream, {size}: dim {config.Dim} × {config.NumLayers} layers × {config.NumHeads} heads, latents {config.LatentHeight}×{config.LatentWidth}×{config.InChannels}, window {config.MaxFrames}, S {config.SamplingSteps}";
                    if (arguments.GetValue(_upstream) is { } checkout)
                    {
                        if (config.PreviousFrameInput || config.PredictChange)
                            throw new UsageException($"--size {size} has inputs that the original does not know; compare with --size medium, large or original");
                        using var comparison = new DreamComparison(config);
                        comparison.Run(title, checkout, arguments.GetValue(_python)!, pairs, output, cancellation);
                    }

                    DreamFigures.Run(title, config, pairs, output, cancellation);
                }

                break;
            case "kernels":
                KernelFigures.Run(pairs, output, cancellation);
                break;
            case "simulator":
                foreach (int count in arguments.GetValue(_environments)!)
                {
                    cancellation.ThrowIfCancellationRequested();
                    SimulatorFigures.Run(count, seconds, output);
                }

                break;
            default:
                await ServingRoundTrip.RunAsync(seconds, output, cancellation);
                break;
        }
    }
}
