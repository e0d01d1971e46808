using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.Pixels;

public static unsafe partial class Pixels
{
    /// <summary>Whole registers; returns how many numbers that were.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int NumbersVector<TVector, TLanes>(byte* from, float* to, int length)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector step = TLanes.Create(Step), one = TLanes.Create(1f);
        int i = 0;
        for (; i <= length - TLanes.Count; i += TLanes.Count) TLanes.Store(TLanes.Subtract(TLanes.Multiply(TLanes.LoadBytes(from + i), step), one), to + i);
        return i;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int BytesVector<TVector, TLanes>(float* from, byte* to, int length)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector one = TLanes.Create(1f), minusOne = TLanes.Create(-1f), step = TLanes.Create(127.5f), half = TLanes.Create(128f);
        int i = 0;
        for (; i <= length - TLanes.Count; i += TLanes.Count)
        {
            TVector limited = TLanes.Min(TLanes.Max(TLanes.Load(from + i), minusOne), one);
            TLanes.StoreBytes(TLanes.Add(TLanes.Multiply(limited, step), half), to + i);
        }

        return i;
    }
}
