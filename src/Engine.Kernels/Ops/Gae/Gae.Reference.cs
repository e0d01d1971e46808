namespace Engine.Kernels.Ops.Gae;

public static unsafe partial class Gae
{
    /// <summary>Environments <paramref name="first"/> to <paramref name="last"/> − 1, one after another; false when a flag is neither 0 nor 1.</summary>
    private static bool RunReference(in Rollout rollout, int first, int last)
    {
        int worst = 0;
        for (int b = first; b < last; b++)
        {
            float advantage = rollout.Following is null ? 0 : rollout.Following[b];
            for (int t = rollout.Steps - 1; t >= 0; t--)
            {
                nint at = (nint)t * rollout.Environments + b;
                worst |= rollout.Terminated[at] | rollout.Truncated[at];
                float alive = 1 - rollout.Terminated[at], goesOn = alive * (1 - rollout.Truncated[at]);
                float delta = MathF.FusedMultiplyAdd(rollout.Gamma * alive, rollout.NextValues[at], rollout.Rewards[at]) - rollout.Values[at];
                rollout.Advantages[at] = advantage = MathF.FusedMultiplyAdd(rollout.Decay * goesOn, advantage, delta);
                if (rollout.Returns is not null) rollout.Returns[at] = advantage + rollout.Values[at];
            }
        }

        return worst <= 1;
    }
}
