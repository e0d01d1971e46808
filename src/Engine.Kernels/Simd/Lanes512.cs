using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Engine.Kernels.Simd;

/// <summary>16 lanes of float32 in 512-bit registers.</summary>
internal readonly unsafe struct Lanes512 : ILanes<Vector512<float>>
{
    public static int Count => 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Create(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadBytes(byte* source) => Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(source)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector512<float> value, byte* destination) => Avx512F.ConvertToVector128Byte(Avx512F.ConvertToVector512Int32WithTruncation(value)).Store(destination);

    public static void StoreStreaming(Vector512<float> value, float* destination) => value.StoreAlignedNonTemporal(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> left, Vector512<float> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> left, Vector512<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> left, Vector512<float> right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> addend) =>
        Vector512.FusedMultiplyAdd(left, right, addend);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Min(Vector512<float> left, Vector512<float> right) => Vector512.MinNative(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> left, Vector512<float> right) => Vector512.MaxNative(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Abs(Vector512<float> value) => Vector512.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> CopySign(Vector512<float> magnitude, Vector512<float> sign) => Vector512.CopySign(magnitude, sign);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SelectLess(Vector512<float> left, Vector512<float> right, Vector512<float> yes, Vector512<float> no) =>
        Vector512.ConditionalSelect(Vector512.LessThan(left, right), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AddExponent(Vector512<float> value, Vector512<float> bits) =>
        (value.AsInt32() + Vector512.ShiftLeft(bits.AsInt32(), 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SwapPairs(Vector512<float> value) => Avx512F.Permute4x32(value, 0b10_11_00_01);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> value) => Vector512.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxAcross(Vector512<float> value)
    {
        return Lanes256.MaxAcross(Vector256.MaxNative(value.GetLower(), value.GetUpper()));
    }

    /// <summary>Sixteen by sixteen in four rounds: neighbouring rows, pairs of rows, then quarters of registers, twice.</summary>
    public static void Transpose(float* from, nint fromStride, float* to, nint toStride)
    {
        Vector512<float> r0 = Vector512.Load(from), r1 = Vector512.Load(from + fromStride), r2 = Vector512.Load(from + 2 * fromStride), r3 = Vector512.Load(from + 3 * fromStride);
        Vector512<float> r4 = Vector512.Load(from + 4 * fromStride), r5 = Vector512.Load(from + 5 * fromStride), r6 = Vector512.Load(from + 6 * fromStride), r7 = Vector512.Load(from + 7 * fromStride);
        Vector512<float> r8 = Vector512.Load(from + 8 * fromStride), r9 = Vector512.Load(from + 9 * fromStride), r10 = Vector512.Load(from + 10 * fromStride), r11 = Vector512.Load(from + 11 * fromStride);
        Vector512<float> r12 = Vector512.Load(from + 12 * fromStride), r13 = Vector512.Load(from + 13 * fromStride), r14 = Vector512.Load(from + 14 * fromStride), r15 = Vector512.Load(from + 15 * fromStride);
        Vector512<double> a0 = Avx512F.UnpackLow(r0, r1).AsDouble(), a1 = Avx512F.UnpackHigh(r0, r1).AsDouble();
        Vector512<double> a2 = Avx512F.UnpackLow(r2, r3).AsDouble(), a3 = Avx512F.UnpackHigh(r2, r3).AsDouble();
        Vector512<double> a4 = Avx512F.UnpackLow(r4, r5).AsDouble(), a5 = Avx512F.UnpackHigh(r4, r5).AsDouble();
        Vector512<double> a6 = Avx512F.UnpackLow(r6, r7).AsDouble(), a7 = Avx512F.UnpackHigh(r6, r7).AsDouble();
        Vector512<double> a8 = Avx512F.UnpackLow(r8, r9).AsDouble(), a9 = Avx512F.UnpackHigh(r8, r9).AsDouble();
        Vector512<double> a10 = Avx512F.UnpackLow(r10, r11).AsDouble(), a11 = Avx512F.UnpackHigh(r10, r11).AsDouble();
        Vector512<double> a12 = Avx512F.UnpackLow(r12, r13).AsDouble(), a13 = Avx512F.UnpackHigh(r12, r13).AsDouble();
        Vector512<double> a14 = Avx512F.UnpackLow(r14, r15).AsDouble(), a15 = Avx512F.UnpackHigh(r14, r15).AsDouble();
        Vector512<double> b0 = Avx512F.UnpackLow(a0, a2), b1 = Avx512F.UnpackHigh(a0, a2), b2 = Avx512F.UnpackLow(a1, a3), b3 = Avx512F.UnpackHigh(a1, a3);
        Vector512<double> b4 = Avx512F.UnpackLow(a4, a6), b5 = Avx512F.UnpackHigh(a4, a6), b6 = Avx512F.UnpackLow(a5, a7), b7 = Avx512F.UnpackHigh(a5, a7);
        Vector512<double> b8 = Avx512F.UnpackLow(a8, a10), b9 = Avx512F.UnpackHigh(a8, a10), b10 = Avx512F.UnpackLow(a9, a11), b11 = Avx512F.UnpackHigh(a9, a11);
        Vector512<double> b12 = Avx512F.UnpackLow(a12, a14), b13 = Avx512F.UnpackHigh(a12, a14), b14 = Avx512F.UnpackLow(a13, a15), b15 = Avx512F.UnpackHigh(a13, a15);
        Quarters(b0.AsSingle(), b4.AsSingle(), b8.AsSingle(), b12.AsSingle(), to, 4 * toStride);
        Quarters(b1.AsSingle(), b5.AsSingle(), b9.AsSingle(), b13.AsSingle(), to + toStride, 4 * toStride);
        Quarters(b2.AsSingle(), b6.AsSingle(), b10.AsSingle(), b14.AsSingle(), to + 2 * toStride, 4 * toStride);
        Quarters(b3.AsSingle(), b7.AsSingle(), b11.AsSingle(), b15.AsSingle(), to + 3 * toStride, 4 * toStride);
    }

    /// <summary>Stores, for each quarter of the registers, that quarter of all four side by side.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quarters(Vector512<float> w, Vector512<float> x, Vector512<float> y, Vector512<float> z, float* to, nint stride)
    {
        Vector512<float> evenLow = Avx512F.Shuffle4x128(w, x, 0x88), oddLow = Avx512F.Shuffle4x128(w, x, 0xDD);
        Vector512<float> evenHigh = Avx512F.Shuffle4x128(y, z, 0x88), oddHigh = Avx512F.Shuffle4x128(y, z, 0xDD);
        Avx512F.Shuffle4x128(evenLow, evenHigh, 0x88).Store(to);
        Avx512F.Shuffle4x128(oddLow, oddHigh, 0x88).Store(to + stride);
        Avx512F.Shuffle4x128(evenLow, evenHigh, 0xDD).Store(to + 2 * stride);
        Avx512F.Shuffle4x128(oddLow, oddHigh, 0xDD).Store(to + 3 * stride);
    }
}
