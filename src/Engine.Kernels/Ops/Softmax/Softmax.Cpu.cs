using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.Softmax;

public static unsafe partial class Softmax
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowVector<TVector, TLanes>(float* x, int width)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int whole = width / TLanes.Count * TLanes.Count, left = width - whole;
        float* rest = stackalloc float[16];
        for (int i = 0; i < TLanes.Count; i++) rest[i] = i < left ? x[whole + i] : float.NegativeInfinity;
        TVector maxima = TLanes.Load(rest);
        for (int i = 0; i < whole; i += TLanes.Count) maxima = TLanes.Max(maxima, TLanes.Load(x + i));
        TVector max = TLanes.Create(TLanes.MaxAcross(maxima)), sums = TLanes.Create(0f);
        for (int i = 0; i < whole; i += TLanes.Count)
        {
            TVector e = VectorMath<TVector, TLanes>.Exp(TLanes.Subtract(TLanes.Load(x + i), max));
            sums = TLanes.Add(sums, e);
            TLanes.Store(e, x + i);
        }

        float sum = TLanes.Sum(sums);
        TLanes.Store(VectorMath<TVector, TLanes>.Exp(TLanes.Subtract(TLanes.Load(rest), max)), rest);
        for (int i = 0; i < left; i++) sum += rest[i];
        float factor = 1f / sum;
        for (int i = 0; i < whole; i += TLanes.Count) TLanes.Store(TLanes.Multiply(TLanes.Load(x + i), TLanes.Create(factor)), x + i);
        for (int i = 0; i < left; i++) x[whole + i] = rest[i] * factor;
    }

    /// <summary>
    /// Replaces padded scores by e^(x − max) and returns their sum. <paramref name="padded"/> is a multiple of the lane count; scores from
    /// <paramref name="width"/> on are overwritten (their e^−86 does not change a sum that is at least 1).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float ExponentiatePadded<TVector, TLanes>(float* x, int width, int padded)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        for (int i = width; i < padded; i++) x[i] = float.NegativeInfinity;
        TVector maxima = TLanes.Load(x);
        for (int i = TLanes.Count; i < padded; i += TLanes.Count) maxima = TLanes.Max(maxima, TLanes.Load(x + i));
        TVector max = TLanes.Create(TLanes.MaxAcross(maxima)), sums = TLanes.Create(0f);
        for (int i = 0; i < padded; i += TLanes.Count)
        {
            TVector e = VectorMath<TVector, TLanes>.Exp(TLanes.Subtract(TLanes.Load(x + i), max));
            sums = TLanes.Add(sums, e);
            TLanes.Store(e, x + i);
        }

        return TLanes.Sum(sums);
    }
}
