using Engine.Simulation.Evaluation;
using Engine.Training.Rollouts;

namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    /// <summary>
    /// The arms of the experiment: cloned, cloned again on own successes (the control), offline, PPO in the dream, and PPO once more after
    /// a round of own rollouts.
    /// </summary>
    private string[] ExperimentPolicies => ["bc", "bc_more", "offline", "online", .. SecondRound];

    private string[] SecondRound => _settings.Experiment.SecondRound ? ["online_again"] : [];

    /// <summary>
    /// Imagined and real success, greedy, of the cloned policy and of every checked policy along PPO, from the same first frames: does the
    /// dream rank policies as reality does?
    /// </summary>
    public CheckpointResult[] CompareCheckpoints() => Folder.Stage("checkpoints", new { _settings.Evaluation.CheckEpisodes }, ["online"], _progress, () =>
    {
        var online = TrainOnline();
        var names = new List<string> { "bc" };
        names.AddRange(online.Iterations.Where(i => i.RealSuccess is not null).Select((_, k) => $"online-{(k + 1) * _settings.Online.CheckEvery}"));
        using var task = _progress.Begin("checkpoints, imagined and real", names.Count, "policies");
        var results = new List<CheckpointResult>();
        foreach (string name in names)
        {
            using var actor = new TorchPolicy(Policy(name), Encoding.Contract);
            var real = EpisodeRunner.Run(World, Specs(_settings.Evaluation.CheckEpisodes, _seeds.Gate + 50_000), new PolicyActor(actor), [_settings.Camera], _cancellation).ToArray();
            results.Add(new CheckpointResult(name, Imagine(actor, [.. real.Select(r => r.Episode!)], ""), real.Count(r => r.Outcome.Success) / (double)real.Length));
            task.Advance();
        }

        return results.ToArray();
    });

    /// <summary>Everything of one training seed.</summary>
    public SeedResult RunSeed()
    {
        Prepare(LearningPart.Dream);
        CloneAgain();
        TrainOffline();
        var online = TrainOnline();
        if (_settings.Experiment.SecondRound) TrainOnlineAgain();
        var evaluation = Evaluate(ExperimentPolicies, ["clone", "clone-again", "offline", "online", .. SecondRound]);
        var (gate, checkpoints, dream, reward) = (Gate(), CompareCheckpoints(), MeasureDream(), TrainReward());
        return new SeedResult(_settings.Seed, gate, online, evaluation, checkpoints, dream, reward, Folder.Stages.DistinctBy(stage => stage.Name).ToDictionary(stage => stage.Name, stage => stage.Seconds));
    }
}
