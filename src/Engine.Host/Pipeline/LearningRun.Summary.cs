using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Engine.Runtime.Interop;
using Engine.Simulation.MuJoCo;
using Engine.Training.Torch;

namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    /// <summary>Stage 9a: everything in one file, <c>summary.json</c>; written once, and read back when nothing has changed.</summary>
    public RunSummary Summarise() => Folder.Stage("summary", new { }, ["serve", "dream", "reward", "gate"], _progress, () =>
    {
        var collect = Collect();
        var dream = MeasureDream();
        var reward = TrainReward();
        var evaluation = Evaluate(QuickstartPolicies, QuickstartStages);
        var serve = ServeCheck();
        var summary = new RunSummary
        {
            Stages = [.. Folder.Stages.DistinctBy(s => s.Name).Select(s => new RunSummary.StageTime(s.Name, Math.Round(s.Seconds, 1)))],
            Expert = new(collect.Expert.Rate, collect.Expert.Total),
            Dream = new(dream.Psnr, dream.PsnrRepeatLast, dream.Ssim, dream.ActionSensitivity),
            Reward = new(reward.Auc, reward.ProgressCorrelation),
            Gate = Gate(),
            Policies = evaluation.Policies.ToDictionary(p => p.Key, p => p.Value.ToDictionary(v => v.Key, v => RunSummary.PolicyFigures.Of(v.Value))),
            Paired = evaluation.Paired.ToDictionary(p => p.Key, p => p.Value.ToDictionary(v => v.Key, v => RunSummary.PairedFigures.Of(v.Value))),
            Serve = new(serve.P50Ms, serve.P99Ms),
            PeakMemoryMb = PeakMemory(),
            Seed = _settings.Seed,
            Versions = new()
            {
                ["engine"] = typeof(LearningRun).Assembly.GetName().Version!.ToString(3),
                ["dotnet"] = RuntimeInformation.FrameworkDescription,
                ["libtorch"] = TorchRuntime.Version,
                ["onnxruntime"] = OnnxRuntimeLibrary.Version,
                ["mujoco"] = $"{MujocoLibrary.Version / 100}.{MujocoLibrary.Version / 10 % 10}.{MujocoLibrary.Version % 10}",
            },
            Hashes = Hashes(collect),
        };
        RunFolder.Write(Folder.At("summary.json"), summary);
        return summary;
    });

    private Dictionary<string, string> Hashes(CollectResult collect)
    {
        var hashes = new Dictionary<string, string> { ["data/demonstrations"] = collect.Demonstrations.Hash, ["data/play"] = collect.Play.Hash, ["data/rollouts"] = CollectRollouts().Hash };
        foreach (string name in new[] { "models/autoencoder", "models/world-model", "models/classifier", "models/reward", "policies/bc/weights", "policies/offline/weights", "policies/online/weights" })
        {
            using var file = File.OpenRead(Folder.At([.. name.Split('/')]) + ".safetensors");
            hashes[name] = Convert.ToHexStringLower(SHA256.HashData(file));
        }

        return hashes;
    }

    /// <summary>Greatest resident memory of this process (MiB).</summary>
    private static long PeakMemory()
    {
        foreach (string line in File.ReadLines("/proc/self/status"))
        {
            if (line.StartsWith("VmHWM:", StringComparison.Ordinal)) return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) / 1024;
        }

        return Environment.WorkingSet >> 20;
    }
}
