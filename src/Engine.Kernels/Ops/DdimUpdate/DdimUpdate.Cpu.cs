using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.DdimUpdate;

public static unsafe partial class DdimUpdate
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void RowVector<TVector, TLanes>(float* x, float* v, float* previous, int columns, in DdimStep step)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int whole = columns / TLanes.Count * TLanes.Count;
        TVector factorX = TLanes.Create(step.X), factorV = TLanes.Create(step.V), factorPrevious = TLanes.Create(step.Previous);
        for (int i = 0; i < whole; i += TLanes.Count)
        {
            TVector value = TLanes.MultiplyAdd(factorX, TLanes.Load(x + i), TLanes.Multiply(factorV, TLanes.Load(v + i)));
            if (previous is not null) value = TLanes.MultiplyAdd(factorPrevious, TLanes.Load(previous + i), value);
            TLanes.Store(value, x + i);
        }

        if (whole < columns) RowReference(x + whole, v + whole, previous is null ? null : previous + whole, columns - whole, step);
    }
}
