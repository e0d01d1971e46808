using System.Runtime.CompilerServices;

namespace Engine.Kernels.Ops.Convolution;

/// <summary>F(4, 3): 6 products for what takes 12, from the points 0, 1, −1, 2, −2, ∞.</summary>
internal readonly unsafe struct WinogradTile4 : IWinogradTile
{
    public static int Results => 4;

    public static int Points => 6;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input<TVector, TLanes>(float* from, nint fromStep, float* to, nint toStep)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector two = TLanes.Create(2f), four = TLanes.Create(4f), minusFour = TLanes.Create(-4f), minusFive = TLanes.Create(-5f);
        TVector d0 = TLanes.Load(from), d1 = TLanes.Load(from + fromStep), d2 = TLanes.Load(from + 2 * fromStep);
        TVector d3 = TLanes.Load(from + 3 * fromStep), d4 = TLanes.Load(from + 4 * fromStep), d5 = TLanes.Load(from + 5 * fromStep);
        TVector even = TLanes.MultiplyAdd(d2, minusFour, d4), odd = TLanes.MultiplyAdd(d1, minusFour, d3);
        TLanes.Store(TLanes.MultiplyAdd(d0, four, TLanes.MultiplyAdd(d2, minusFive, d4)), to);
        TLanes.Store(TLanes.Add(even, odd), to + toStep);
        TLanes.Store(TLanes.Subtract(even, odd), to + 2 * toStep);
        even = TLanes.Subtract(d4, d2);
        odd = TLanes.Multiply(TLanes.Subtract(d3, d1), two);
        TLanes.Store(TLanes.Add(even, odd), to + 3 * toStep);
        TLanes.Store(TLanes.Subtract(even, odd), to + 4 * toStep);
        TLanes.Store(TLanes.MultiplyAdd(d1, four, TLanes.MultiplyAdd(d3, minusFive, d5)), to + 5 * toStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output<TVector, TLanes>(float* from, nint fromStep, float* to, nint toStep)
        where TVector : struct
        where TLanes : struct, ILanes<TVector>
    {
        TVector m1 = TLanes.Load(from + fromStep), m2 = TLanes.Load(from + 2 * fromStep), m3 = TLanes.Load(from + 3 * fromStep), m4 = TLanes.Load(from + 4 * fromStep);
        TVector near = TLanes.Add(m1, m2), nearOdd = TLanes.Subtract(m1, m2), far = TLanes.Add(m3, m4), farOdd = TLanes.Subtract(m3, m4);
        TLanes.Store(TLanes.Add(TLanes.Load(from), TLanes.Add(near, far)), to);
        TLanes.Store(TLanes.MultiplyAdd(farOdd, TLanes.Create(2f), nearOdd), to + toStep);
        TLanes.Store(TLanes.MultiplyAdd(far, TLanes.Create(4f), near), to + 2 * toStep);
        TLanes.Store(TLanes.Add(TLanes.MultiplyAdd(farOdd, TLanes.Create(8f), nearOdd), TLanes.Load(from + 5 * fromStep)), to + 3 * toStep);
    }
}
