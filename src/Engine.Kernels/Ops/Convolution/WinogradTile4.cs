using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.Convolution;

/// <summary>
/// F(4, 3): 6 products for what takes 12, from the points 0, ±5/8, ±3/2, ∞. With the usual ±1 and ±2 the greatest error is five times as large.
/// </summary>
internal readonly unsafe struct WinogradTile4 : IWinogradTile
{
    /// <summary>The inner point.</summary>
    internal const float Near = 5 / 8f;

    /// <summary>The outer point.</summary>
    internal const float Far = 3 / 2f;

    public static int Results => 4;

    public static int Points => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input<TVector, TLanes>(float* from, nint fromStep, float* to, nint toStep)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector minusNear = TLanes.Create(-Near * Near), minusFar = TLanes.Create(-Far * Far);
        TVector product = TLanes.Create(Near * Near * Far * Far), sum = TLanes.Create(-(Near * Near + Far * Far));
        TVector d0 = TLanes.Load(from), d1 = TLanes.Load(from + fromStep), d2 = TLanes.Load(from + 2 * fromStep);
        TVector d3 = TLanes.Load(from + 3 * fromStep), d4 = TLanes.Load(from + 4 * fromStep), d5 = TLanes.Load(from + 5 * fromStep);
        TLanes.Store(TLanes.MultiplyAdd(d0, product, TLanes.MultiplyAdd(d2, sum, d4)), to);
        TVector even = TLanes.MultiplyAdd(d2, minusFar, d4), odd = TLanes.Multiply(TLanes.MultiplyAdd(d1, minusFar, d3), TLanes.Create(Near));
        TLanes.Store(TLanes.Add(even, odd), to + toStep);
        TLanes.Store(TLanes.Subtract(even, odd), to + 2 * toStep);
        even = TLanes.MultiplyAdd(d2, minusNear, d4);
        odd = TLanes.Multiply(TLanes.MultiplyAdd(d1, minusNear, d3), TLanes.Create(Far));
        TLanes.Store(TLanes.Add(even, odd), to + 3 * toStep);
        TLanes.Store(TLanes.Subtract(even, odd), to + 4 * toStep);
        TLanes.Store(TLanes.MultiplyAdd(d1, product, TLanes.MultiplyAdd(d3, sum, d5)), to + 5 * toStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output<TVector, TLanes>(float* from, nint fromStep, float* to, nint toStep)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector m1 = TLanes.Load(from + fromStep), m2 = TLanes.Load(from + 2 * fromStep), m3 = TLanes.Load(from + 3 * fromStep), m4 = TLanes.Load(from + 4 * fromStep);
        TVector near = TLanes.Add(m1, m2), nearOdd = TLanes.Subtract(m1, m2), far = TLanes.Add(m3, m4), farOdd = TLanes.Subtract(m3, m4);
        TLanes.Store(TLanes.Add(TLanes.Load(from), TLanes.Add(near, far)), to);
        TLanes.Store(TLanes.MultiplyAdd(farOdd, TLanes.Create(Far), TLanes.Multiply(nearOdd, TLanes.Create(Near))), to + toStep);
        TLanes.Store(TLanes.MultiplyAdd(far, TLanes.Create(Far * Far), TLanes.Multiply(near, TLanes.Create(Near * Near))), to + 2 * toStep);
        TVector last = TLanes.MultiplyAdd(nearOdd, TLanes.Create(Near * Near * Near), TLanes.Load(from + 5 * fromStep));
        TLanes.Store(TLanes.MultiplyAdd(farOdd, TLanes.Create(Far * Far * Far), last), to + 3 * toStep);
    }
}
