using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.LayerNorm;

public static unsafe partial class LayerNorm
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowVector<TVector, TLanes>(float* x, int width, float* shift, float* scale, float* y, float epsilon)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int whole = width / TLanes.Count * TLanes.Count;
        TVector sums = TLanes.Create(0f);
        for (int i = 0; i < whole; i += TLanes.Count) sums = TLanes.Add(sums, TLanes.Load(x + i));
        float total = TLanes.Sum(sums);
        for (int i = whole; i < width; i++) total += x[i];
        float mean = total / width;

        // A second pass for the variance: the row is in the first-level cache, and x² − mean² would cancel.
        TVector means = TLanes.Create(mean), squares = TLanes.Create(0f);
        for (int i = 0; i < whole; i += TLanes.Count)
        {
            TVector centred = TLanes.Subtract(TLanes.Load(x + i), means);
            squares = TLanes.MultiplyAdd(centred, centred, squares);
        }

        float variance = TLanes.Sum(squares);
        for (int i = whole; i < width; i++) variance += (x[i] - mean) * (x[i] - mean);
        float factor = 1f / MathF.Sqrt(variance / width + epsilon);

        TVector factors = TLanes.Create(factor), one = TLanes.Create(1f);
        for (int i = 0; i < whole; i += TLanes.Count)
        {
            TVector normal = TLanes.Multiply(TLanes.Subtract(TLanes.Load(x + i), means), factors);
            TLanes.Store(TLanes.MultiplyAdd(normal, TLanes.Add(one, TLanes.Load(scale + i)), TLanes.Load(shift + i)), y + i);
        }

        for (int i = whole; i < width; i++) y[i] = MathF.FusedMultiplyAdd((x[i] - mean) * factor, 1f + scale[i], shift[i]);
    }
}
