using Engine.Runtime.Contract;
using Engine.Runtime.Datasets;
using Engine.Runtime.Policies;
using Engine.Simulation.Evaluation;
using Engine.Training.Algorithms;
using Engine.Training.Models;
using Engine.Training.Rollouts;

namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    /// <summary>Stage 1: demonstrations by a noisy scripted expert, play, and how good the expert is without noise; or the data that is given.</summary>
    public CollectResult Collect() => _settings.Data.Count > 0 ? TakeGivenData() : Folder.Stage("collect", new { _settings.Task, _settings.Seed, _settings.Camera, _settings.Collect.Demonstrations, _settings.Collect.Play, _settings.Collect.ExpertCheck }, [], _progress, () =>
    {
        var expert = MeasureExpert();
        var demonstrations = Record("demonstrations", "collect", _settings.Collect.Demonstrations, _seeds.Demonstrations, new ExpertActor());
        var play = Record(PlayName, "collect", _settings.Collect.Play, _seeds.Play, new PlayActor());
        return new CollectResult(expert, demonstrations, play);
    });

    private Proportion MeasureExpert()
    {
        var results = EpisodeRunner.Run(World, Specs(_settings.Collect.ExpertCheck, _seeds.Expert), new ExpertActor(0), null, _cancellation).ToArray();
        return Statistics.Wilson(results.Count(r => r.Outcome.Success), results.Length);
    }

    /// <summary>Stage: episodes of the cloned policy, sampled, so that the dream knows where this policy goes.</summary>
    public RecordedResult CollectRollouts() => CollectRollouts("rollouts", "bc", _seeds.Rollouts, ["collect", "clone"]);

    private RecordedResult CollectRollouts(string name, string policy, ulong seed, string[] after) => Folder.Stage(name, new { _settings.Collect.Rollouts, policy }, after, _progress, () =>
    {
        using var actor = new TorchPolicy(Policy(policy), Encoding.Contract);
        return Record(name, name, _settings.Collect.Rollouts, seed, new PolicyActor(actor, 1f));
    });

    private RecordedResult Record(string name, string stage, int count, ulong seed, IActor actor)
    {
        string directory = Folder.At("data", name), origin = Path.Combine(directory, "origin.json");
        if (Directory.Exists(directory) && (!File.Exists(origin) || RunFolder.Load<Origin>(origin).Fingerprint != Folder.FingerprintOf(stage)))
            throw new InvalidDataException($"{directory} was recorded with other settings; delete it or choose another --out.");
        var store = EpisodeStore.Create(directory, World.Info);
        RunFolder.Write(origin, new Origin(Folder.FingerprintOf(stage)));
        var specs = Specs(count, seed);
        foreach (var episode in DemonstrationCollector.Collect(World, specs[store.Count..], actor, [_settings.Camera], _progress, _cancellation)) store.Append(episode);
        _episodes[name] = store.ReadAll(SilentProgress.Instance, _cancellation);
        Forget("set:");
        var episodes = _episodes[name];
        return Summarise(episodes, store.ContentHash(_cancellation));
    }

    private static RecordedResult Summarise(Episode[] episodes, string hash) =>
        new(episodes.Length, episodes.Count(e => e.Success) / (double)Math.Max(1, episodes.Length), episodes.Select(e => (double)e.Length).DefaultIfEmpty().Average(), hash);

    /// <summary>Stage 2a: the autoencoder, on demonstrations and play.</summary>
    public AutoencoderResult TrainAutoencoder() => Folder.Stage("autoencoder", _settings.Autoencoder, ["collect"], _progress, () =>
    {
        PrepareContract();
        var (model, losses) = AutoencoderTraining.Run(TrainingData().Set, _settings.Autoencoder, _settings.Seed, Folder.Checkpoint("autoencoder", "model"), _progress, _cancellation);
        ModelFiles.Write(Folder, "autoencoder", model);
        Forget("autoencoder");
        Forget("set:");
        var held = HeldOut();
        double psnr = 0;
        int frames = 0;
        for (int e = 0; e < held.Episodes.Count; e++)
        {
            for (int t = 0; t <= held.Episodes[e].Length; t++, frames++)
                psnr += ImageQuality.Psnr(held.Reconstructions[e].AsSpan(t * Camera.Bytes, Camera.Bytes), held.Set.Image(e, t));
        }

        return new AutoencoderResult(psnr / frames, Thin(losses));
    });

    /// <summary>Writes what observations and actions mean, from the demonstrations; every policy of the run shares it.</summary>
    private void PrepareContract()
    {
        var demonstrations = Episodes("demonstrations").Where(e => e.Success).ToArray();
        if (demonstrations.Length == 0) throw new InvalidDataException("No demonstration succeeded; there is nothing to clone.");
        var statistics = DatasetStatistics.Compute(demonstrations);
        var tokenizer = InstructionTokenizer.FromInstructions(Episodes("demonstrations").Concat(Episodes("play")).Select(e => e.Instruction));
        var contract = new PolicyContract
        {
            Name = $"{_settings.Task}-bc",
            Cameras = [Camera],
            StateNames = World.Info.StateNames,
            ActionNames = World.Info.ActionNames,
            ActionStatistics = statistics.Actions,
            StateStatistics = statistics.States,
            Embodiment = World.Info.Embodiment,
            Vocabulary = [.. tokenizer.Vocabulary],
            MaxWords = tokenizer.MaxWords,
        };
        Directory.CreateDirectory(Folder.At("policies", "bc"));
        ContractFile.Write(Folder.At("policies", "bc", ContractFile.FileName), contract);
        RunFolder.Write(Folder.At("policies", "bc", "architecture.json"), new VlaArchitecture { ImageSize = Camera.Height, Tokens = tokenizer.TokenCount, MaxWords = tokenizer.MaxWords });
        Forget("encoding");
        Forget("architecture");
    }

    /// <summary>At most 200 points of a loss curve, each the mean of its stretch.</summary>
    internal static float[] Thin(float[] losses)
    {
        int stretch = Math.Max(1, losses.Length / 200);
        return [.. losses.Chunk(stretch).Select(part => part.Average())];
    }

    private sealed record Origin(string Fingerprint);
}
