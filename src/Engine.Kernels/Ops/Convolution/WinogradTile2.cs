using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.Convolution;

/// <summary>F(2, 3): 4 products for what takes 6, from the points 0, 1, −1, ∞.</summary>
internal readonly unsafe struct WinogradTile2 : IWinogradTile
{
    public static int Results => 2;

    public static int Points => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input<TVector, TLanes>(float* from, nint fromStep, float* to, nint toStep)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector d0 = TLanes.Load(from), d1 = TLanes.Load(from + fromStep), d2 = TLanes.Load(from + 2 * fromStep), d3 = TLanes.Load(from + 3 * fromStep);
        TLanes.Store(TLanes.Subtract(d0, d2), to);
        TLanes.Store(TLanes.Add(d1, d2), to + toStep);
        TLanes.Store(TLanes.Subtract(d2, d1), to + 2 * toStep);
        TLanes.Store(TLanes.Subtract(d1, d3), to + 3 * toStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output<TVector, TLanes>(float* from, nint fromStep, float* to, nint toStep)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector m0 = TLanes.Load(from), m1 = TLanes.Load(from + fromStep), m2 = TLanes.Load(from + 2 * fromStep), m3 = TLanes.Load(from + 3 * fromStep);
        TLanes.Store(TLanes.Add(m0, TLanes.Add(m1, m2)), to);
        TLanes.Store(TLanes.Subtract(TLanes.Subtract(m1, m2), m3), to + toStep);
    }
}
