namespace Engine.Kernels.Ops.Gae;

public static unsafe partial class Gae
{
    /// <summary>Environments from <paramref name="first"/> on, one after another.</summary>
    private static void RunReference(in Rollout rollout, int first)
    {
        for (int b = first; b < rollout.Environments; b++)
        {
            float advantage = rollout.Following is null ? 0 : rollout.Following[b];
            for (int t = rollout.Steps - 1; t >= 0; t--)
            {
                nint at = (nint)t * rollout.Environments + b;
                float alive = 1 - rollout.Terminated[at], goesOn = alive * (1 - rollout.Truncated[at]);
                float delta = MathF.FusedMultiplyAdd(rollout.Gamma * alive, rollout.NextValues[at], rollout.Rewards[at]) - rollout.Values[at];
                rollout.Advantages[at] = advantage = MathF.FusedMultiplyAdd(rollout.Decay * goesOn, advantage, delta);
                if (rollout.Returns is not null) rollout.Returns[at] = advantage + rollout.Values[at];
            }
        }
    }
}
