using Engine.Host.Pipeline;

namespace Engine.Host.Commands.Learning;

/// <summary>Train the autoencoder and the diffusion world model, and measure its dreams.</summary>
public sealed class TrainWorldModelVerb : LearningVerb
{
    public override string Name => "train world-model";

    public override string Summary => "Train the autoencoder and the diffusion world model, and measure its dreams.";

    public override IReadOnlyList<string> Examples => ["train world-model --out runs/mine", "train world-model --out runs/mine world_model.steps=4000"];

    protected override int Run(LearningRun run, EngineSettings settings, VerbContext context)
    {
        run.Prepare(LearningPart.Models);
        var dream = run.MeasureDream();
        for (int h = 0; h < dream.Psnr.Length; h++) context.Out.WriteLine($"horizon {h + 1,2}: dream {dream.Psnr[h]:F1} dB, repeating the first frame {dream.PsnrRepeatLast[h]:F1} dB, SSIM {dream.Ssim[h]:F3}");
        context.Out.WriteLine($"action sensitivity {dream.ActionSensitivity:F2} dB; pictures in {run.Folder.At("pictures")}");
        return 0;
    }
}
