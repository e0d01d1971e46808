namespace Engine.Host.Pipeline;

public sealed partial class LearningRun
{
    private const string Again = "-again";

    /// <summary>
    /// PPO after one round of own rollouts: the policy that PPO gave acts for real, world model (from its weights on), reward and classifier
    /// are trained again with what it met, the gate is asked again, and PPO goes on from it in the new dream.
    /// </summary>
    public OnlineResult TrainOnlineAgain()
    {
        string[] rollouts = ["rollouts", "rollouts" + Again];
        CollectRollouts(rollouts[1], "online", _seeds.SecondRollouts, ["online"]);
        TrainWorldModel(Again, rollouts, _settings.WorldModel.Continued(_settings.Experiment.SecondRoundSteps, _settings.WorldModel.LearningRate / 2), ["world-model", rollouts[1]]);
        TrainReward(Again, rollouts);
        Gate(Again, "online");
        return TrainOnline("online_again", "online", Again, rollouts);
    }
}
