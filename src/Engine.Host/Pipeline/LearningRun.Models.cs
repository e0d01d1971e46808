using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;
using Engine.Simulation.Evaluation;
using Engine.Training.Algorithms;
using Engine.Training.Checkpoints;
using Engine.Training.Models;
using Engine.Training.Rollouts;
using Engine.Training.Torch;

namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    /// <summary>Stage 2b: the diffusion world model. The second round goes on from the first one's weights, with more rollouts.</summary>
    public LossResult TrainWorldModel() => TrainWorldModel("", ["rollouts"], _settings.WorldModel, ["autoencoder", "rollouts"]);

    private LossResult TrainWorldModel(string round, string[] rollouts, WorldModelTraining.Options options, string[] after) => Folder.Stage("world-model" + round, options, after, _progress, () =>
    {
        var data = TrainingData(rollouts);
        var clips = new WorldModelTraining.Clips(data.Latents, data.Episodes, Encoding.Contract.Embodiment, Autoencoder.Rows, Autoencoder.Columns, Autoencoder.LatentChannels);
        using var scope = new TensorScope();
        var start = round.Length == 0 ? null : TensorConversion.ToTensors(SafeTensors.Read(Folder.At("models", "world-model.safetensors")));
        var (model, losses) = WorldModelTraining.Run(clips, options, _settings.Seed, Folder.Checkpoint("world-model" + round, "model"), start, _progress, _cancellation);
        ModelFiles.Write(Folder, "world-model" + round, model, options, Autoencoder.Rows, Autoencoder.Columns);
        Forget("world-model:");
        return new LossResult(model.ParameterCount, Thin(losses));
    });

    /// <summary>Stage: success classifier and dense reward, with the classifier's threshold chosen on held-out episodes, dreamt over again.</summary>
    public RewardResult TrainReward() => TrainReward("", ["rollouts"]);

    private RewardResult TrainReward(string round, string[] rollouts) => Folder.Stage("reward" + round, new { _settings.Classifier, _settings.Reward }, ["world-model" + round], _progress, () =>
    {
        var (data, held) = (TrainingData(rollouts), HeldOut(rollouts));
        var replay = Replay(round);
        var (dreamt, heldDreamt) = (replay.All(data.Set, data.Latents, _progress, _cancellation), replay.All(held.Set, held.Latents, _progress, _cancellation));
        var (classifier, classifierLosses) = SuccessClassifierTraining.Run(data.Set, [data.Reconstructions, dreamt], Encoding, Policy("bc"), _settings.Classifier, _settings.Seed, Folder.Checkpoint("reward" + round, "classifier"), _progress, _cancellation);
        ModelFiles.Write(Folder, "classifier" + round, classifier);
        var scores = SuccessClassifierTraining.Score(classifier, held.Set, heldDreamt, Encoding);
        var (threshold, f1, precision, recall) = SuccessClassifierTraining.Calibrate(scores, held.Episodes);

        var features = RewardTraining.Features(classifier, data.Set, data.Reconstructions);
        var (reward, rewardLosses) = RewardTraining.Run(data.Set, features, classifier, Encoding.Contract.Embodiment, _settings.Reward, _settings.Seed, Folder.Checkpoint("reward" + round, "reward"), _progress, _cancellation);
        ModelFiles.Write(Folder, "reward" + round, reward.Network);
        Forget("classifier:");
        Forget("reward:");

        var heldFeatures = RewardTraining.Features(classifier, held.Set, held.Reconstructions);
        var predicted = RewardTraining.Score(reward, held.Set, heldFeatures, classifier.FeatureWidth);
        var returns = predicted.Select(r => (double)r.Sum()).ToArray();
        var success = held.Episodes.Select(e => e.Success).ToArray();
        var steps = new List<double>();
        var progress = new List<double>();
        for (int e = 0; e < predicted.Length; e++)
        {
            for (int t = 0; t < predicted[e].Length; t++)
            {
                steps.Add(predicted[e][t]);
                progress.Add(held.Episodes[e].Progress[t + 1]);
            }
        }

        int shown = Array.FindIndex(success, s => s), failed = Array.FindIndex(success, s => !s);
        var examples = new[] { shown, failed }.Where(e => e >= 0).Select(e => new RewardExample(
            held.Episodes[e].Instruction, success[e], predicted[e], [.. scores[e]], held.Episodes[e].Progress)).ToArray();
        return new RewardResult(Ranking.AreaUnderCurve(returns, success), Statistics.Pearson(steps.ToArray(), progress.ToArray()), held.Episodes.Count,
            threshold, f1, precision, recall, Thin(classifierLosses), Thin(rewardLosses), examples);
    });

    private DreamReplay Replay(string round) => new(WorldModel("world-model" + round), Autoencoder, Encoding.Contract.Embodiment, Camera, _settings.WorldModel.SamplingSteps, _settings.Seed);

    /// <summary>Stage: dreams against held-out recordings.</summary>
    public DreamResult MeasureDream() => Folder.Stage("dream", new { _settings.Evaluation.DreamHorizon }, ["world-model", "reward"], _progress, () =>
    {
        var held = HeldOut("rollouts");
        var report = DreamQuality.Run(Replay(""), Camera, held.Set, held.Latents, held.Reconstructions, [.. Enumerable.Range(0, held.Episodes.Count)], _settings.Evaluation.DreamHorizon, 6);
        var pictures = DreamPictures.Write(Folder.At("pictures", "dream"), report.Examples, Camera);
        return new DreamResult(report.Psnr, report.PsnrRepeatLast, report.PsnrAutoencoder, report.Ssim, report.ActionSensitivity, pictures);
    });
}
