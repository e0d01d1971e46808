namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    private const string Again = "-again";

    /// <summary>
    /// PPO after one round of own rollouts: the policy that PPO gave acts for real, world model (from its weights on), reward and classifier
    /// are trained again with what it met, the gate is asked again, and PPO goes on from it in the new dream. Where PPO gave nothing that was
    /// better for real, the last policy that it tried acts: the one that the dream was most wrong about.
    /// </summary>
    public OnlineResult TrainOnlineAgain()
    {
        string[] rollouts = ["rollouts", "rollouts" + Again];
        var first = TrainOnline();
        var tried = first.Iterations.LastOrDefault(iteration => iteration.RealSuccess is not null);
        string actor = first.KeptIteration > 0 || tried is null ? "online" : $"online-{tried.Iteration - _settings.Online.CriticWarmup + 1}";
        CollectRollouts(rollouts[1], actor, _seeds.SecondRollouts, ["online"]);
        TrainWorldModel(Again, rollouts, _settings.WorldModel.Continued(_settings.Experiment.SecondRoundSteps, _settings.WorldModel.LearningRate / 2), ["world-model", rollouts[1]]);
        TrainReward(Again, rollouts);
        Gate(Again, "online");
        return TrainOnline("online_again", "online", Again, rollouts);
    }
}
