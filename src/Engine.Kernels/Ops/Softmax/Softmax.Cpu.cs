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

    /// <summary>Soft-max of a column in every lane: x ← 2^(scale·(x − max)) / sum over <paramref name="rows"/> vectors, one behind the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void DownLanes<TVector, TLanes>(float* x, int rows, TVector scale)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector max = TLanes.Load(x), sum = TLanes.Create(0f);
        for (int j = 1; j < rows; j++) max = TLanes.Max(max, TLanes.Load(x + j * TLanes.Count));
        for (int j = 0; j < rows; j++)
        {
            TVector weight = VectorMath<TVector, TLanes>.Exp2(TLanes.Multiply(TLanes.Subtract(TLanes.Load(x + j * TLanes.Count), max), scale));
            sum = TLanes.Add(sum, weight);
            TLanes.Store(weight, x + j * TLanes.Count);
        }

        TVector factor = TLanes.Divide(TLanes.Create(1f), sum);
        for (int j = 0; j < rows; j++) TLanes.Store(TLanes.Multiply(TLanes.Load(x + j * TLanes.Count), factor), x + j * TLanes.Count);
    }
}
