using System.Runtime.CompilerServices;

namespace Engine.Kernels.Simd;

/// <summary>
/// exp, tanh and their friends on vectors. Errors are against the exact value, measured over every tested argument
/// (<c>ActivationTests</c>): exp 2 ulp, tanh 3 ulp. Any two register widths give the same bits.
/// </summary>
internal static class VectorMath<TVector, TLanes>
    where TVector : struct
    where TLanes : struct, ILanes<TVector>
{
    /// <summary>
    /// e^x for x in [−86, 88.37]; arguments beyond are clamped to that range (e^−86 = 4.5e−38, e^88.37 = 2.4e38). NaN is not kept.
    /// Reduction x = n·ln 2 + r with |r| ≤ ln 2 / 2 and Cephes' polynomial of degree 7.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp(TVector x)
    {
        // Adding 1.5·2^23 rounds to an integer and leaves that integer in the low mantissa bits, ready for the exponent.
        var magic = TLanes.Create(12582912f);
        x = TLanes.Max(TLanes.Min(x, TLanes.Create(88.37f)), TLanes.Create(-86f));
        var shifted = TLanes.MultiplyAdd(x, TLanes.Create(1.44269504f), magic);
        var n = TLanes.Subtract(shifted, magic);
        var r = TLanes.MultiplyAdd(n, TLanes.Create(-0.693359375f), x);
        r = TLanes.MultiplyAdd(n, TLanes.Create(2.12194440e-4f), r);
        var p = TLanes.MultiplyAdd(TLanes.Create(1.9875691500e-4f), r, TLanes.Create(1.3981999507e-3f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(8.3334519073e-3f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(4.1665795894e-2f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(1.6666665459e-1f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(5.0000001201e-1f));
        p = TLanes.MultiplyAdd(p, TLanes.Multiply(r, r), r);
        return TLanes.AddExponent(TLanes.Add(p, TLanes.Create(1f)), shifted);
    }

    /// <summary>
    /// 2^x for x in [−124, 127.49]; arguments beyond are clamped to that range. The rest x − n in [−½, ½] is exact; Cephes' polynomial of degree 6.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp2(TVector x)
    {
        var magic = TLanes.Create(12582912f);
        x = TLanes.Max(TLanes.Min(x, TLanes.Create(127.49f)), TLanes.Create(-124f));
        var shifted = TLanes.Add(x, magic);
        var r = TLanes.Subtract(x, TLanes.Subtract(shifted, magic));
        var p = TLanes.MultiplyAdd(TLanes.Create(1.535336188319500e-4f), r, TLanes.Create(1.339887440266574e-3f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(9.618437357674640e-3f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(5.550332471162809e-2f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(2.402264791363012e-1f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(6.931472028550421e-1f));
        p = TLanes.MultiplyAdd(p, r, TLanes.Create(1f));
        return TLanes.AddExponent(p, shifted);
    }

    /// <summary>tanh x: an odd polynomial below 0.625, 1 − 2/(e^2x + 1) above (Cephes).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Tanh(TVector x)
    {
        var one = TLanes.Create(1f);
        var a = TLanes.Abs(x);
        var z = TLanes.Multiply(a, a);
        var p = TLanes.MultiplyAdd(TLanes.Create(-5.70498872745e-3f), z, TLanes.Create(2.06390887954e-2f));
        p = TLanes.MultiplyAdd(p, z, TLanes.Create(-5.37397155531e-2f));
        p = TLanes.MultiplyAdd(p, z, TLanes.Create(1.33314422036e-1f));
        p = TLanes.MultiplyAdd(p, z, TLanes.Create(-3.33332819422e-1f));
        var small = TLanes.MultiplyAdd(TLanes.Multiply(p, z), a, a);
        var e = Exp(TLanes.Add(a, a));
        var large = TLanes.Subtract(one, TLanes.Divide(TLanes.Create(2f), TLanes.Add(e, one)));
        return TLanes.CopySign(TLanes.SelectLess(a, TLanes.Create(0.625f), small, large), x);
    }

    /// <summary>x·σ(x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Silu(TVector x)
    {
        var one = TLanes.Create(1f);
        return TLanes.Divide(x, TLanes.Add(one, Exp(TLanes.Multiply(x, TLanes.Create(-1f)))));
    }

    /// <summary>The tanh form of GELU, ½x(1 + tanh(√(2/π)(x + 0.044715x³))), as x·σ(2√(2/π)(x + 0.044715x³)), which is the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Gelu(TVector x)
    {
        // e^(−2√(2/π)(x + 0.044715x³)) as a power of two: −2√(2/π)·log₂e and that times 0.044715.
        var inner = TLanes.MultiplyAdd(TLanes.Multiply(x, x), TLanes.Create(-0.10294324f), TLanes.Create(-2.3022082f));
        var e = Exp2(TLanes.Multiply(inner, x));
        return TLanes.Divide(x, TLanes.Add(TLanes.Create(1f), e));
    }
}
