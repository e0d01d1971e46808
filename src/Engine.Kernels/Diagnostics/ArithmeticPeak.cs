using System.Diagnostics;
using System.Runtime.CompilerServices;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Diagnostics;

/// <summary>Measures what the processor can do at most, so that a kernel's speed can be told as a share of it.</summary>
public static class ArithmeticPeak
{
    private const int Chains = 24;

    /// <summary>Fused multiply-adds in registers only, in GFLOP/s (two for each) on the calling thread: the best of several short runs.</summary>
    /// <param name="variant">Register width; with <see cref="KernelVariant.Reference"/> scalar.</param>
    /// <param name="seconds">Time to spend, about.</param>
    public static double Measure(KernelVariant variant, double seconds = 0.3)
    {
        const int Rounds = 200_000;
        double best = 0;
        var total = Stopwatch.StartNew();
        do
        {
            long start = Stopwatch.GetTimestamp();
            long lanes = variant switch
            {
                KernelVariant.Vector512 => Spin<Vector512<float>, Lanes512>(Rounds),
                KernelVariant.Vector256 => Spin<Vector256<float>, Lanes256>(Rounds),
                _ => SpinScalar(Rounds),
            };
            best = Math.Max(best, 2.0 * Chains * lanes * Rounds / Stopwatch.GetElapsedTime(start).TotalSeconds / 1e9);
        }
        while (total.Elapsed.TotalSeconds < seconds);

        return best;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long Spin<TVector, TLanes>(int rounds)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector a = TLanes.Create(0.999f), b = TLanes.Create(1e-3f);
        TVector c0 = b, c1 = b, c2 = b, c3 = b, c4 = b, c5 = b, c6 = b, c7 = b, c8 = b, c9 = b, c10 = b, c11 = b;
        for (int i = 0; i < 2 * rounds; i++)
        {
            c0 = TLanes.MultiplyAdd(c0, a, b);
            c1 = TLanes.MultiplyAdd(c1, a, b);
            c2 = TLanes.MultiplyAdd(c2, a, b);
            c3 = TLanes.MultiplyAdd(c3, a, b);
            c4 = TLanes.MultiplyAdd(c4, a, b);
            c5 = TLanes.MultiplyAdd(c5, a, b);
            c6 = TLanes.MultiplyAdd(c6, a, b);
            c7 = TLanes.MultiplyAdd(c7, a, b);
            c8 = TLanes.MultiplyAdd(c8, a, b);
            c9 = TLanes.MultiplyAdd(c9, a, b);
            c10 = TLanes.MultiplyAdd(c10, a, b);
            c11 = TLanes.MultiplyAdd(c11, a, b);
        }

        TVector sum = TLanes.Add(TLanes.Add(TLanes.Add(c0, c1), TLanes.Add(c2, c3)), TLanes.Add(TLanes.Add(c4, c5), TLanes.Add(c6, c7)));
        Keep(TLanes.Sum(TLanes.Add(sum, TLanes.Add(TLanes.Add(c8, c9), TLanes.Add(c10, c11)))));
        return TLanes.Count;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static long SpinScalar(int rounds)
    {
        float c0 = 1, c1 = 1, c2 = 1, c3 = 1, c4 = 1, c5 = 1, c6 = 1, c7 = 1;
        for (int i = 0; i < 3 * rounds; i++)
        {
            c0 = MathF.FusedMultiplyAdd(c0, 0.999f, 1e-3f);
            c1 = MathF.FusedMultiplyAdd(c1, 0.999f, 1e-3f);
            c2 = MathF.FusedMultiplyAdd(c2, 0.999f, 1e-3f);
            c3 = MathF.FusedMultiplyAdd(c3, 0.999f, 1e-3f);
            c4 = MathF.FusedMultiplyAdd(c4, 0.999f, 1e-3f);
            c5 = MathF.FusedMultiplyAdd(c5, 0.999f, 1e-3f);
            c6 = MathF.FusedMultiplyAdd(c6, 0.999f, 1e-3f);
            c7 = MathF.FusedMultiplyAdd(c7, 0.999f, 1e-3f);
        }

        Keep(c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7);
        return 1;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Keep(float value) => GC.KeepAlive(value > 1e30f ? new object() : null);
}
