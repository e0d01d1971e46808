using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Engine.Host.Benchmarks;
using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Commands.Bench;

/// <summary>A dream of any shape, beside the original's own code where it is given.</summary>
public sealed class BenchWorldModelVerb : Verb
{
    private readonly Option<int> _dim = Number("--dim", "Width of a token.", 256);
    private readonly Option<int> _layers = Number("--layers", "Layers, of a spatial and a temporal block each.", 6);
    private readonly Option<int> _heads = Number("--heads", "Attention heads.", 4);
    private readonly Option<int> _latent = Number("--latent", "Rows and columns of the latents.", 16);
    private readonly Option<int> _channels = Number("--channels", "Latent channels.", 4);
    private readonly Option<int> _patch = Number("--patch", "Side of a patch.", 2);
    private readonly Option<int> _actions = Number("--action-dim", "Numbers of an action.", 10);
    private readonly Option<int> _window = Number("--window", "Frames in sight, the new one included.", 10);
    private readonly Option<int> _steps = Number("--steps", "Denoising steps a frame.", 10);
    private readonly Option<int> _batch = Number("--batch", "Dreams that advance together.", 1);
    private readonly Option<int> _frames = Number("--frames", "Frames that are timed in each turn, once the window has slid.", 3);
    private readonly Option<DreamMode> _mode = new("--mode") { Description = "What happens when the window slides: exact or streaming.", DefaultValueFactory = _ => DreamMode.Exact };
    private readonly Option<GemmPrecision?> _precision = PrecisionOption.Create("What matrices are rounded to");
    private readonly Option<string> _device = DeviceOption.Create("Where to dream");
    private readonly Option<int> _pairs = BenchOptions.Pairs(7);
    private readonly Option<string?> _upstream = BenchOptions.Upstream();
    private readonly Option<string> _python = BenchOptions.Python();
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object instead of text." };

    public override string Name => "bench worldmodel";

    public override string Summary => "Time a dream of any shape; beside the original's own code.";

    public override IReadOnlyList<string> Examples =>
    [
        "bench worldmodel --dim 384 --layers 8 --heads 6 --mode streaming",
        "bench worldmodel --batch 16 --json",
        "bench worldmodel --dim 1024 --layers 16 --heads 16 --latent 32 --channels 16 --batch 32 --device cuda",
        "bench worldmodel --dim 256 --layers 6 --heads 4 --latent 16 --window 10 --steps 10 --upstream ~/world-model-eval --json",
    ];

    public override void Configure(Command command)
    {
        foreach (Option option in new Option[] { _dim, _layers, _heads, _latent, _channels, _patch, _actions, _window, _steps, _batch, _frames, _mode, _precision, _device, _pairs, _upstream, _python, _json })
            command.Add(option);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        int Positive(Option<int> option) => BenchOptions.Positive(arguments, option);
        var config = new WorldModelConfig
        {
            InChannels = Positive(_channels),
            PatchSize = Positive(_patch),
            Dim = Positive(_dim),
            NumLayers = Positive(_layers),
            NumHeads = Positive(_heads),
            ActionDim = Positive(_actions),
            MaxFrames = Positive(_window),
            LatentHeight = Positive(_latent),
            LatentWidth = Positive(_latent),
            SamplingSteps = Positive(_steps),
        };
        try
        {
            config.Validate();
        }
        catch (InvalidDataException error)
        {
            throw new UsageException($"the options do not make a model: {error.Message}");
        }

        int pairs = Positive(_pairs), frames = Positive(_frames), batch = Positive(_batch);
        context.Progress.Note("timing worldmodel");
        string name = arguments.GetValue(_device)!;
        using var device = DeviceOption.Open(name);
        var way = new DreamWay(arguments.GetValue(_mode), PrecisionOption.Of(arguments, _precision, device is not null), device is not null);
        var figures = await Task.Run(
            () =>
            {
                using var models = new ComparedModels(config, [way], device);
                using var comparison = new DreamComparison(models, [way], batch, frames);
                using var upstream = arguments.GetValue(_upstream) is { } checkout ? comparison.Start(checkout, arguments.GetValue(_python)!, DeviceOption.TorchName(name)) : null;
                comparison.Measure(upstream, pairs, cancellation);
                return new WorldModelFigures(comparison, comparison.Sides[0], upstream);
            },
            cancellation).WaitAsync(cancellation);
        context.Out.WriteLine(arguments.GetValue(_json) ? JsonSerializer.Serialize(figures, WorldModelFigures.JsonOptions) : figures.ToString());
        return 0;
    }

    private static Option<int> Number(string name, string description, int value) => new(name) { Description = description, DefaultValueFactory = _ => value, HelpName = "number" };
}
