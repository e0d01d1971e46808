using System.CommandLine;
using Engine.Runtime.WorldModel;

namespace Engine.Host.Commands;

/// <summary>Runs a world model on latents from files.</summary>
public sealed class WorldModelGenerateVerb : Verb
{
    private readonly Option<string> _model = File("--model", "Configuration of the model (JSON).", "config.json");
    private readonly Option<string> _weights = File("--weights", "Weights (.npz, .safetensors or .pt).", "file");
    private readonly Option<string> _settings = File("--settings", "Cases by name (JSON): n_frames, horizon, window_len, sampling_timesteps.", "settings.json");
    private readonly Option<string> _case = File("--case", "Name of the case, and prefix of the arrays' names.", "name");
    private readonly Option<string> _input = File("--input", "npz with <case>.context [B,n,H,W,C], <case>.actions [B,frames,A] and, if wanted, <case>.noise.", "in.npz");
    private readonly Option<string> _out = File("--out", "npz to write: <case>.out [B,frames,H,W,C].", "out.npz");
    private readonly Option<DreamMode> _mode = new("--mode") { Description = "What happens when the window slides.", DefaultValueFactory = _ => DreamMode.Exact };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of the noise, where none is given.", HelpName = "number" };

    public override string Name => "worldmodel generate";

    public override string Summary => "Continue sequences of latents with a world model, from and to npz files.";

    public override IReadOnlyList<string> Examples =>
    [
        "worldmodel generate --model model.json --weights model.safetensors --settings cases.json --case slide --input in.npz --out out.npz",
    ];

    public override void Configure(Command command)
    {
        foreach (Option option in new Option[] { _model, _weights, _settings, _case, _input, _out, _mode, _seed }) command.Add(option);
    }

    public override async Task<int> RunAsync(ParseResult arguments, VerbContext context, CancellationToken cancellation)
    {
        var job = new GenerateJob
        {
            ModelPath = arguments.GetRequiredValue(_model),
            WeightsPath = arguments.GetRequiredValue(_weights),
            SettingsPath = arguments.GetRequiredValue(_settings),
            Case = arguments.GetRequiredValue(_case),
            InputPath = arguments.GetRequiredValue(_input),
            OutputPath = arguments.GetRequiredValue(_out),
            Mode = arguments.GetValue(_mode),
            Seed = arguments.GetValue(_seed),
        };
        int[] shape = await Task.Run(job.Run, cancellation).WaitAsync(cancellation);
        context.Out.WriteLine($"{job.Case}.out [{string.Join(", ", shape)}] in {Path.GetFullPath(job.OutputPath)}");
        return 0;
    }

    private static Option<string> File(string name, string description, string help) => new(name) { Description = description, HelpName = help, Required = true };
}
