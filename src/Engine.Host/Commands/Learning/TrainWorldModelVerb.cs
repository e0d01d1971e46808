using System.Globalization;
using Engine.Host.Configuration;
using Engine.Host.Pipeline;
using Engine.Runtime.Weights;

namespace Engine.Host.Commands.Learning;

/// <summary>Train the autoencoder and the diffusion world model, and measure its dreams.</summary>
public sealed class TrainWorldModelVerb : LearningVerb
{
    /// <summary>Folder of a world model that was trained on films, without <c>--out</c>.</summary>
    public static string FilmsOut => Path.Combine("runs", "films");

    public override string Name => "train world-model";

    public override string Summary => "Train the autoencoder and the diffusion world model, and measure its dreams.";

    public override IReadOnlyList<string> Examples =>
    [
        "train world-model --out runs/mine",
        "train world-model --out runs/mine world_model.steps=4000",
        "train world-model --data ~/bridge_clips --out runs/films   # mp4 with npz, or RLDS: a world model alone",
    ];

    /// <inheritdoc />
    protected override int Run(VerbRun<EngineSettings> run, EngineSettings settings, CancellationToken cancellation)
    {
        if (!settings.Data.Any(Films.Are)) return base.Run(run, settings, cancellation);
        string place = run.Out == Path.GetFullPath(DefaultOut) ? Path.GetFullPath(FilmsOut) : run.Out;
        var folder = new RunFolder(place);
        AtomicFile.WriteText(folder.At("config.yaml"), ConfigurationLoader.ToYaml(settings));
        var dream = new FilmRun(folder, settings, run.Context.Progress, cancellation).Train();
        Print(dream, folder, run.Context.Out);
        run.Context.Out.WriteLine($"next: engine worldmodel generate --run {place} --data {settings.Data[0]} --gif dream.gif");
        return 0;
    }

    protected override int Run(LearningRun run, EngineSettings settings, VerbContext context)
    {
        run.Prepare(LearningPart.Models);
        Print(run.MeasureDream(), run.Folder, context.Out);
        return 0;
    }

    private static void Print(DreamResult dream, RunFolder folder, TextWriter output)
    {
        for (int h = 0; h < dream.Psnr.Length; h++)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"horizon {h + 1,2}: dream {dream.Psnr[h]:F1} dB, repeating the first frame {dream.PsnrRepeatLast[h]:F1} dB, autoencoder {dream.PsnrAutoencoder[h]:F1} dB, SSIM {dream.Ssim[h]:F3}"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"action sensitivity {dream.ActionSensitivity:F2} dB; pictures in {folder.At("pictures")}"));
    }
}
