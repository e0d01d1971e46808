using System.CommandLine;
using System.Globalization;
using Engine.Host.Commands.Learning;
using Engine.Host.Pipeline;
using Engine.Kernels.Ops.Gemm;
using Engine.Runtime.WorldModel;
using Engine.Training.Torch;

namespace Engine.Host.Commands;

/// <summary>Runs a world model: on latents from files, or on films.</summary>
public sealed class WorldModelGenerateVerb : Verb
{
    private readonly Option<string?> _model = File("--model", "Configuration of the model (JSON).", "config.json");
    private readonly Option<string?> _weights = File("--weights", "Weights (.npz, .safetensors or .pt).", "file");
    private readonly Option<string?> _settings = File("--settings", "Cases by name (JSON): n_frames, horizon, window_len, sampling_timesteps.", "settings.json");
    private readonly Option<string?> _case = File("--case", "Name of the case, and prefix of the arrays' names.", "name");
    private readonly Option<string?> _input = File("--input", "npz with <case>.context [B,n,H,W,C], <case>.actions [B,frames,A] and, if wanted, <case>.noise.", "in.npz");
    private readonly Option<string?> _out = File("--out", "npz to write: <case>.out [B,frames,H,W,C].", "out.npz");
    private readonly Option<DreamMode> _mode = new("--mode") { Description = "Latents: what happens when the window slides. Films stream.", DefaultValueFactory = _ => DreamMode.Exact };
    private readonly Option<GemmPrecision?> _precision = PrecisionOption.Create("Latents");
    private readonly Option<string> _device = DeviceOption.Create("Latents: where to dream");
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of the noise, where none is given.", HelpName = "number" };
    private readonly Option<string?> _data = File("--data", "Films to dream over again: a folder of clips (mp4 with npz), or RLDS.", "folder");
    private readonly Option<string?> _gif = File("--gif", "Film to write: truth beside dream.", "file.gif");
    private readonly Option<string> _run = new("--run") { Description = "Folder of a world model that train world-model --data made.", DefaultValueFactory = _ => TrainWorldModelVerb.FilmsOut, HelpName = "folder" };
    private readonly Option<int> _films = new("--films") { Description = "Films at most; held-out ones come first.", DefaultValueFactory = _ => 4, HelpName = "number" };
    private readonly Option<int> _frames = new("--frames") { Description = "Frames of each film at most.", DefaultValueFactory = _ => 24, HelpName = "number" };

    public override string Name => "worldmodel generate";

    public override string Summary => "Continue sequences with a world model: latents from and to npz files, or films as a GIF.";

    public override IReadOnlyList<string> Examples =>
    [
        "worldmodel generate --model model.json --weights model.safetensors --settings cases.json --case slide --input in.npz --out out.npz",
        "worldmodel generate --model model.json --weights model.safetensors --settings cases.json --case slide --input in.npz --out out.npz --device cuda",
        "worldmodel generate --run runs/films --data ~/bridge_clips --gif dream.gif",
    ];

    public override void Configure(Command command)
    {
        foreach (Option option in new Option[] { _model, _weights, _settings, _case, _input, _out, _mode, _precision, _device, _seed, _data, _run, _gif, _films, _frames }) command.Add(option);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        if (arguments.GetValue(_data) is { } data)
        {
            await Task.Run(() => Dream(data, arguments, context, cancellation), cancellation);
            return 0;
        }

        using var device = DeviceOption.Open(arguments.GetValue(_device)!);
        var job = new GenerateJob
        {
            ModelPath = Needed(_model),
            WeightsPath = Needed(_weights),
            SettingsPath = Needed(_settings),
            Case = Needed(_case),
            InputPath = Needed(_input),
            OutputPath = Needed(_out),
            Mode = arguments.GetValue(_mode),
            Precision = PrecisionOption.Of(arguments, _precision, device is not null),
            Seed = arguments.GetValue(_seed),
            Device = device,
        };
        int[] shape = await Task.Run(job.Run, cancellation).WaitAsync(cancellation);
        context.Out.WriteLine($"{job.Case}.out [{string.Join(", ", shape)}] in {Path.GetFullPath(job.OutputPath)}");
        return 0;

        string Needed(Option<string?> option) => arguments.GetValue(option)
            ?? throw new UsageException($"{option.Name} is missing: latents need --model, --weights, --settings, --case, --input and --out; films need --data and --gif");
    }

    private void Dream(string data, ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        string gif = Path.GetFullPath(arguments.GetValue(_gif) ?? throw new UsageException("--gif is missing: --data dreams films over again and writes them there"));
        int films = arguments.GetValue(_films), frames = arguments.GetValue(_frames);
        if (films < 1 || frames < 1) throw new UsageException("--films and --frames must be positive");
        if (!Films.Are(data)) throw new UsageException($"{data} holds no films: expected clips (N.mp4 with N.npz, there or in train/ and test/) or RLDS (features.json)");
        TorchRuntime.Initialise(Environment.ProcessorCount);
        string run = arguments.GetValue(_run)!;
        if (!Directory.Exists(run)) throw new UsageException($"{run} does not exist: engine train world-model --data {data} --out {run} makes a world model of films there");
        var settings = new EngineSettings { Seed = arguments.GetValue(_seed) };
        foreach (var (film, length, psnr, repeat) in new FilmRun(new RunFolder(run), settings, context.Progress, cancellation).Dream(data, films, frames, gif))
            context.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"film {film}: {length} frames, dream {psnr:F1} dB, repeating the first frame {repeat:F1} dB"));
        context.Out.WriteLine($"truth beside dream: {gif}");
    }

    private static Option<string?> File(string name, string description, string help) => new(name) { Description = description, HelpName = help };
}
