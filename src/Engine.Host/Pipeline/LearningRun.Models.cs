using Engine.Kernels.Ops.Rotary;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;
using Engine.Training.Algorithms;
using Engine.Training.Checkpoints;
using Engine.Training.Models;
using Engine.Training.Rollouts;

namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    /// <summary>Stage 2b: the diffusion world model. A later <paramref name="round"/> goes on from the model before it, with more rollouts.</summary>
    public LossResult TrainWorldModel(string round = "", string[]? rollouts = null, string[]? after = null, int? steps = null) => Folder.Stage("world-model" + round, new { _settings.WorldModel, steps }, after ?? ["autoencoder", "rollouts"], _progress, () =>
    {
        var data = TrainingData(rollouts ?? ["rollouts"]);
        int rows = Camera.Height / VariationalAutoencoder.Downscale, columns = Camera.Width / VariationalAutoencoder.Downscale;
        var clips = new WorldModelTraining.Clips(data.Latents, data.Episodes, Encoding.Contract.Embodiment, rows, columns, Autoencoder.LatentChannels);
        var options = _settings.WorldModel;
        var (model, losses) = WorldModelTraining.Run(clips, options, _settings.Seed, Folder.Checkpoint("world-model" + round, "model"), null, _progress, _cancellation);
        SafeTensors.Write(Folder.At("models", $"world-model{round}.safetensors"), TensorConversion.ToNamedArrays(model.StateDict()));
        var config = new WorldModelConfig
        {
            InChannels = Autoencoder.LatentChannels,
            PatchSize = model.Architecture.PatchSize,
            Dim = options.Dim,
            NumLayers = options.Layers,
            NumHeads = options.Heads,
            ActionDim = model.Architecture.ActionDim,
            MaxFrames = options.Window,
            LatentHeight = rows,
            LatentWidth = columns,
            SamplingSteps = options.SamplingSteps,
            SpatialRotary = RotaryFrequencies.Standard,
            PreviousFrameInput = options.PreviousFrameInput,
            PredictChange = options.PredictChange,
        };
        AtomicFile.WriteText(Folder.At("models", $"world-model{round}.json"), config.ToJson());
        Forget("world-model:");
        return new LossResult(model.ParameterCount, Thin(losses));
    });

    /// <summary>Stage: success classifier and dense reward, with the classifier's threshold chosen on held-out episodes.</summary>
    public RewardResult TrainReward(string round = "", string[]? rollouts = null, string[]? after = null) => Folder.Stage("reward" + round, new { _settings.Classifier, _settings.Reward }, after ?? ["autoencoder", "rollouts"], _progress, () =>
    {
        string[] taken = rollouts ?? ["rollouts"];
        var (data, held) = (TrainingData(taken), HeldOut(taken));
        var (classifier, classifierLosses) = SuccessClassifierTraining.Run(data.Set, data.Reconstructions, Encoding, Policy("bc"), _settings.Classifier, _settings.Seed, Folder.Checkpoint("reward" + round, "classifier"), _progress, _cancellation);
        SaveModel("classifier" + round, classifier);
        var scores = SuccessClassifierTraining.Score(classifier, held.Set, held.Reconstructions, Encoding);
        var (threshold, f1, precision, recall) = SuccessClassifierTraining.Calibrate(scores, held.Episodes);

        var features = RewardTraining.Features(classifier, data.Set, data.Reconstructions);
        var (reward, rewardLosses) = RewardTraining.Run(data.Set, features, classifier, Encoding.Contract.Embodiment, _settings.Reward, _settings.Seed, Folder.Checkpoint("reward" + round, "reward"), _progress, _cancellation);
        SaveModel("reward" + round, reward.Network);
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
        return new RewardResult(Ranking.AreaUnderCurve(returns, success), Ranking.Pearson(steps.ToArray(), progress.ToArray()), held.Episodes.Count,
            threshold, f1, precision, recall, Thin(classifierLosses), Thin(rewardLosses), examples);
    });

    /// <summary>Stage: dreams against held-out recordings.</summary>
    public DreamResult MeasureDream(string round = "", string[]? rollouts = null) => Folder.Stage("dream" + round, new { _settings.Evaluation.DreamHorizon }, ["world-model" + round, "reward" + round], _progress, () =>
    {
        var held = HeldOut(rollouts ?? ["rollouts"]);
        var report = DreamQuality.Run(Models(round, 1), held.Set, held.Latents, held.Reconstructions, [.. Enumerable.Range(0, held.Episodes.Count)], _settings.Evaluation.DreamHorizon, 6, _settings.Seed);
        var pictures = DreamPictures.Write(Folder.At("pictures", "dream" + round), report.Examples, Camera);
        return new DreamResult(report.Psnr, report.PsnrRepeatLast, report.PsnrAutoencoder, report.Ssim, report.ActionSensitivity, pictures);
    });
}
