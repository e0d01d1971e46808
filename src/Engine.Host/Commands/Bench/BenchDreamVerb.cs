using System.CommandLine;
using Engine.Host.Benchmarks;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Commands.Bench;

/// <summary>Tables of what dreams of named sizes cost, beside the original where it is given.</summary>
public sealed class BenchDreamVerb : Verb
{
    private static readonly Dictionary<string, WorldModelConfig> s_sizes = new()
    {
        ["small"] = WorldModelBenchmark.Small,
        ["medium"] = WorldModelBenchmark.Medium,
        ["large"] = WorldModelBenchmark.Large,
        ["original"] = WorldModelBenchmark.Original,
    };

    private readonly Option<string[]> _size = new("--size") { Description = "small, medium, large or original (needs 8 GB).", DefaultValueFactory = _ => ["small"], AllowMultipleArgumentsPerToken = true };
    private readonly Option<int> _pairs = BenchOptions.Pairs();
    private readonly Option<string?> _upstream = BenchOptions.Upstream();
    private readonly Option<string> _python = BenchOptions.Python();

    public override string Name => "bench dream";

    public override string Summary => "Time dreams: batches, threads, allocations; beside the original's own code.";

    public override IReadOnlyList<string> Examples => ["bench dream", "bench dream --size medium large --upstream ~/world-model-eval"];

    public override void Configure(Command command)
    {
        _size.AcceptOnlyFromAmong([.. s_sizes.Keys]);
        foreach (Option option in new Option[] { _size, _pairs, _upstream, _python }) command.Add(option);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        int pairs = BenchOptions.Positive(arguments, _pairs);
        string? upstream = arguments.GetValue(_upstream);
        foreach (string size in arguments.GetValue(_size)!)
        {
            var config = s_sizes[size];
            string title = $"dream, {size}: dim {config.Dim} × {config.NumLayers} layers × {config.NumHeads} heads, latents {config.LatentHeight}×{config.LatentWidth}×{config.InChannels}, window {config.MaxFrames}, S {config.SamplingSteps}";
            if (upstream is not null && (config.PreviousFrameInput || config.PredictChange))
                throw new UsageException($"--size {size} has inputs that the original does not know; compare with --size medium, large or original");
            context.Progress.Note($"timing dream, {size}");
            await Task.Run(
                () =>
                {
                    if (upstream is not null) DreamTable.Write(title, config, upstream, arguments.GetValue(_python)!, pairs, context.Out, cancellation);
                    DreamFigures.Run(title, config, pairs, context.Out, cancellation);
                },
                cancellation).WaitAsync(cancellation);
        }

        return 0;
    }
}
