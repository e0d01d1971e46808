using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.Gae;

public static unsafe partial class Gae
{
    /// <summary>Environments that go through time together: their advantages stay in the first-level cache, and every array is read in long runs.</summary>
    private const int BlockWidth = 4096;

    /// <summary>Elements from which on results bypass the caches: they would not stay there, and fetching the lines to be overwritten costs a third of the traffic.</summary>
    private const int StreamFrom = 1 << 20;

    /// <summary>Environments in the lanes; false when a flag is neither 0 nor 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool RunVector<TVector, TLanes>(in Rollout rollout, int first, int last)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector one = TLanes.Create(1f), gamma = TLanes.Create(rollout.Gamma), decay = TLanes.Create(rollout.Decay), worst = TLanes.Create(0f);
        int whole = first + (last - first) / TLanes.Count * TLanes.Count;
        bool large = (long)rollout.Steps * rollout.Environments >= StreamFrom && rollout.Environments % TLanes.Count == 0;
        bool streamAdvantages = large && IsAligned<TVector>(rollout.Advantages + first), streamReturns = large && IsAligned<TVector>(rollout.Returns + first);
        float* carried = stackalloc float[BlockWidth];
        for (int block = first; block < whole; block += BlockWidth)
        {
            int width = Math.Min(BlockWidth, whole - block);
            for (int b = 0; b < width; b += TLanes.Count)
            {
                TLanes.Store(rollout.Following is null ? TLanes.Create(0f) : TLanes.Load(rollout.Following + block + b), carried + b);
            }

            for (int t = rollout.Steps - 1; t >= 0; t--)
            {
                nint row = (nint)t * rollout.Environments + block;
                for (int b = 0; b < width; b += TLanes.Count)
                {
                    nint at = row + b;
                    TVector terminated = TLanes.LoadBytes(rollout.Terminated + at), truncated = TLanes.LoadBytes(rollout.Truncated + at);
                    worst = TLanes.Max(worst, TLanes.Max(terminated, truncated));
                    TVector alive = TLanes.Subtract(one, terminated), goesOn = TLanes.Multiply(alive, TLanes.Subtract(one, truncated));
                    TVector value = TLanes.Load(rollout.Values + at);
                    TVector delta = TLanes.MultiplyAdd(TLanes.Multiply(gamma, alive), TLanes.Load(rollout.NextValues + at), TLanes.Load(rollout.Rewards + at));
                    TVector advantage = TLanes.MultiplyAdd(TLanes.Multiply(decay, goesOn), TLanes.Load(carried + b), TLanes.Subtract(delta, value));
                    TLanes.Store(advantage, carried + b);
                    if (streamAdvantages) TLanes.StoreStreaming(advantage, rollout.Advantages + at);
                    else TLanes.Store(advantage, rollout.Advantages + at);
                    if (rollout.Returns is null) continue;
                    if (streamReturns) TLanes.StoreStreaming(TLanes.Add(advantage, value), rollout.Returns + at);
                    else TLanes.Store(TLanes.Add(advantage, value), rollout.Returns + at);
                }
            }
        }

        // Streamed results must be seen by whoever is told that they are there.
        if (streamAdvantages || streamReturns) Thread.MemoryBarrier();
        return RunReference(rollout, whole, last) && TLanes.MaxAcross(worst) <= 1;
    }

    private static bool IsAligned<TVector>(float* address)
        where TVector : struct => (nint)address % Unsafe.SizeOf<TVector>() == 0;
}
