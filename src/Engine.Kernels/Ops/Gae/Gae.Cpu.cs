using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.Gae;

public static unsafe partial class Gae
{
    /// <summary>Environments in the lanes: the recursion in time stays in a register.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RunVector<TVector, TLanes>(in Rollout rollout)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector one = TLanes.Create(1f), gamma = TLanes.Create(rollout.Gamma), decay = TLanes.Create(rollout.Decay);
        int b = 0;
        for (; b + TLanes.Count <= rollout.Environments; b += TLanes.Count)
        {
            TVector advantage = rollout.Following is null ? TLanes.Create(0f) : TLanes.Load(rollout.Following + b);
            for (int t = rollout.Steps - 1; t >= 0; t--)
            {
                nint at = (nint)t * rollout.Environments + b;
                TVector alive = TLanes.Subtract(one, TLanes.LoadBytes(rollout.Terminated + at));
                TVector goesOn = TLanes.Multiply(alive, TLanes.Subtract(one, TLanes.LoadBytes(rollout.Truncated + at)));
                TVector value = TLanes.Load(rollout.Values + at);
                TVector delta = TLanes.MultiplyAdd(TLanes.Multiply(gamma, alive), TLanes.Load(rollout.NextValues + at), TLanes.Load(rollout.Rewards + at));
                advantage = TLanes.MultiplyAdd(TLanes.Multiply(decay, goesOn), advantage, TLanes.Subtract(delta, value));
                TLanes.Store(advantage, rollout.Advantages + at);
                if (rollout.Returns is not null) TLanes.Store(TLanes.Add(advantage, value), rollout.Returns + at);
            }
        }

        RunReference(rollout, b);
    }
}
