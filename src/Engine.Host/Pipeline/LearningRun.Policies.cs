using Engine.Host.Evaluation;
using Engine.Runtime.Contract;
using Engine.Simulation.Evaluation;
using Engine.Simulation.Tabletop;
using Engine.Training.Algorithms;
using Engine.Training.Models;
using Engine.Training.Rollouts;

namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    private int StepLimit => TaskFamily.Find(_settings.Task).StepLimit;

    /// <summary>Stage 4: clone the demonstrations.</summary>
    public LossResult Clone() => Folder.Stage("clone", _settings.Cloning, ["autoencoder"], _progress, () =>
    {
        var (policy, losses) = BehaviourCloning.Run(Demonstrations.Set, Demonstrations.Reconstructions, Encoding, Architecture, _settings.Cloning, _settings.Seed, Folder.Checkpoint("clone", "policy"), null, _progress, _cancellation);
        SavePolicy("bc", policy, Encoding.Contract);
        return new LossResult(policy.ParameterCount, Thin(losses));
    });

    /// <summary>Stage: the control that reinforcement learning must beat: clone again, on demonstrations and the cloned policy's own successes.</summary>
    public LossResult CloneAgain() => Folder.Stage("clone-again", _settings.Cloning, ["autoencoder", "rollouts"], _progress, () =>
    {
        var data = Encode("demonstrations+successes", () => [.. Demonstrations.Episodes, .. Episodes("rollouts").Where(e => e.Success)]);
        var (policy, losses) = BehaviourCloning.Run(data.Set, data.Reconstructions, Encoding, Architecture, _settings.Cloning, _settings.Seed, Folder.Checkpoint("clone-again", "policy"), null, _progress, _cancellation);
        SavePolicy("bc_more", policy, Encoding.Contract);
        return new LossResult(policy.ParameterCount, Thin(losses));
    });

    /// <summary>Stage 5: the offline actor-critic, from the cloned policy.</summary>
    public OfflineActorCritic.Report TrainOffline() => Folder.Stage("offline", new { _settings.Offline, _settings.Cloning, _settings.Online.RewardWeight, _settings.Online.SuccessReward }, ["clone", "reward"], _progress, () =>
    {
        var data = TrainingData("rollouts");
        var classifier = Classifier("classifier");
        var features = RewardTraining.Features(classifier, data.Set, data.Reconstructions);
        var rewards = RewardTraining.Score(Reward("classifier", "reward"), data.Set, features, classifier.FeatureWidth);
        for (int e = 0; e < rewards.Length; e++)
        {
            for (int t = 0; t < rewards[e].Length; t++) rewards[e][t] *= (float)_settings.Online.RewardWeight;
            if (data.Episodes[e].Success && rewards[e].Length > 0) rewards[e][^1] += (float)_settings.Online.SuccessReward;
        }

        var policy = Policy("bc");
        var report = OfflineActorCritic.Run(policy, data.Set, data.Reconstructions, Demonstrations.Set, Demonstrations.Reconstructions,
            new OfflineActorCritic.Scored(features, rewards, classifier.FeatureWidth), Encoding, _settings.Cloning, _settings.Offline, _settings.Seed, Folder.Checkpoint("offline", "actor"), _progress, _cancellation);
        SavePolicy("offline", policy, Encoding.Contract);
        return report with { CriticLosses = Thin(report.CriticLosses), ActorLosses = Thin(report.ActorLosses) };
    });

    /// <summary>Stage: is the dream honest about the cloned policy? Imagined over real success, greedy, from the same first frames.</summary>
    public GateResult Gate() => Gate("", "bc");

    private GateResult Gate(string round, string policy) => Folder.Stage("gate" + round, _settings.Gate, ["clone", "world-model" + round, "reward" + round], _progress, () =>
    {
        var (imagined, real) = Compare(policy, round, _settings.Gate.Episodes);
        double ratio = real > 0 ? imagined / real : double.PositiveInfinity;
        bool holds = ratio >= _settings.Gate.Low && ratio <= _settings.Gate.High;
        _progress.Note($"gate: imagined success {imagined:P0}, real {real:P0}, ratio {ratio:F2} ({(holds ? "holds" : "does not hold")})");
        return new GateResult(imagined, real, ratio, holds, _settings.Gate.Episodes);
    });

    /// <summary>
    /// Success of a policy, greedy, in the real simulator and in the dream, on episodes that begin with the same frames and instructions.
    /// </summary>
    private (double Imagined, double Real) Compare(string policyName, string round, int episodes)
    {
        using var actor = new TorchPolicy(Policy(policyName), Encoding.Contract);
        var results = EpisodeRunner.Run(World, Specs(episodes, _seeds.Gate), new PolicyActor(actor), [_settings.Camera], _cancellation).ToArray();
        return (Imagine(actor, [.. results.Select(r => r.Episode!)], round), results.Count(r => r.Outcome.Success) / (double)episodes);
    }

    /// <summary>Imagined success of a policy, greedy, from recorded first frames.</summary>
    private double Imagine(TorchPolicy actor, IReadOnlyList<Episode> starts, string round)
    {
        var dream = Dream(starts, round);
        EpisodeSpec[] specs = [.. starts.Select(e => new EpisodeSpec(e.Task, e.Variation, e.Seed))];
        using var gpu = OnGpu(dream.Models);
        using var world = new ImaginedEnvironment(
            new DreamEnvironment(dream.Models, dream.Starts, specs.Length, StepLimit, _settings.Seed ^ 0x6761, gpu), World.Info with { Cameras = [Camera] },
            specs.Select((spec, i) => (spec, i)).ToDictionary(pair => pair.spec, pair => pair.i));
        return EpisodeRunner.Run(world, specs, new PolicyActor(actor), null, _cancellation).Count(r => r.Outcome.Success) / (double)specs.Length;
    }

    /// <summary>Stage 6: PPO in the dream, from the cloned policy; the best of the checks in the real simulator is kept.</summary>
    public OnlineResult TrainOnline() => TrainOnline("online", "bc", "", ["rollouts"]);

    private OnlineResult TrainOnline(string name, string start, string round, string[] rollouts) => Folder.Stage(name, new { _settings.Online, _settings.Evaluation.CheckEpisodes, _settings.Gate.Override, start }, ["gate" + round], _progress, () =>
    {
        var gate = Gate(round, start);
        if (!gate.Holds && !_settings.Gate.Override)
        {
            _progress.Note($"PPO is refused: in the dream the cloned policy succeeds {gate.Imagined:P0}, for real {gate.Real:P0}. Improve the dream (more play, more world model steps), or set gate.override=true.");
            SavePolicy(name, Policy(start), Encoding.Contract);
            return new OnlineResult(false, 0, gate.Real, gate.Real, []);
        }

        var data = TrainingData(rollouts);
        var reward = TrainReward(round, rollouts);
        var models = Models(round, reward.Threshold);
        var starts = new DreamStarts(data.Set, data.Latents, [.. Enumerable.Range(0, data.Episodes.Count)], Autoencoder.LatentNumbers);
        using var gpu = OnGpu(models);
        using var dream = new DreamEnvironment(models, starts, _settings.Online.Environments, StepLimit, _settings.Seed ^ 0x50504F, gpu);
        var policy = Policy(start);
        var ppo = new DreamPpo(policy, dream, Encoding, _settings.Online, StepLimit, _settings.Seed);
        double first = Check(policy);
        var history = ppo.Run(iteration =>
        {
            SavePolicy($"{name}-{iteration}", policy, Encoding.Contract);
            return Check(policy);
        }, Folder.Checkpoint(name, "ppo"), _progress, _cancellation);
        var best = history.Where(i => i.RealSuccess >= first).MaxBy(i => (i.RealSuccess, i.Iteration));
        int kept = best is null ? 0 : best.Iteration - _settings.Online.CriticWarmup + 1;
        SavePolicy(name, Policy(best is null ? start : $"{name}-{kept}"), Encoding.Contract);
        _progress.Note($"PPO: real success on the check seeds {first:P0} before, {best?.RealSuccess ?? first:P0} after {kept} updates (kept)");
        return new OnlineResult(true, kept, first, best?.RealSuccess ?? first, [.. history]);
    });

    /// <summary>Greedy success in the real simulator on the check seeds.</summary>
    private double Check(VlaPolicy policy)
    {
        using var actor = new TorchPolicy(policy, Encoding.Contract);
        int n = _settings.Evaluation.CheckEpisodes;
        return EpisodeRunner.Run(World, Specs(n, _seeds.Check), new PolicyActor(actor), null, _cancellation).Count(r => r.Outcome.Success) / (double)n;
    }
}
