using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.Rotary;

public static unsafe partial class Rotary
{
    /// <summary>One row; y may be x. Widths that are no multiple of the lane count end pair by pair.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void RowVector<TVector, TLanes>(float* x, int width, float* cosines, float* sines, float* y)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        int whole = width / TLanes.Count * TLanes.Count;
        for (int i = 0; i < whole; i += TLanes.Count)
        {
            TVector v = TLanes.Load(x + i);
            TVector turned = TLanes.Multiply(TLanes.SwapPairs(v), TLanes.Load(sines + i));
            TLanes.Store(TLanes.MultiplyAdd(v, TLanes.Load(cosines + i), turned), y + i);
        }

        if (whole < width) RowReference(x + whole, width - whole, cosines + whole, sines + whole, y + whole);
    }
}
