using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Engine.Kernels.Simd;

/// <summary>8 lanes of float32 in 256-bit registers.</summary>
internal readonly unsafe struct Lanes256 : ILanes<Vector256<float>>
{
    public static int Count => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Create(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadBytes(byte* source) => Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> value, float* destination) => value.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBytes(Vector256<float> value, byte* destination)
    {
        Vector256<int> whole = Avx.ConvertToVector256Int32WithTruncation(value);
        Vector128<short> half = Sse2.PackSignedSaturate(whole.GetLower(), whole.GetUpper());
        *(ulong*)destination = Sse2.PackUnsignedSaturate(half, half).AsUInt64()[0];
    }

    public static void StoreStreaming(Vector256<float> value, float* destination) => value.StoreAlignedNonTemporal(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> left, Vector256<float> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> left, Vector256<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> left, Vector256<float> right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> addend) =>
        Vector256.FusedMultiplyAdd(left, right, addend);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Min(Vector256<float> left, Vector256<float> right) => Vector256.MinNative(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Max(Vector256<float> left, Vector256<float> right) => Vector256.MaxNative(left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Abs(Vector256<float> value) => Vector256.Abs(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> CopySign(Vector256<float> magnitude, Vector256<float> sign) => Vector256.CopySign(magnitude, sign);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SelectLess(Vector256<float> left, Vector256<float> right, Vector256<float> yes, Vector256<float> no) =>
        Vector256.ConditionalSelect(Vector256.LessThan(left, right), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AddExponent(Vector256<float> value, Vector256<float> bits) =>
        (value.AsInt32() + Vector256.ShiftLeft(bits.AsInt32(), 23)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SwapPairs(Vector256<float> value) => Avx.Permute(value, 0b10_11_00_01);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> value) => Vector256.Sum(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxAcross(Vector256<float> value)
    {
        var half = Vector128.Max(value.GetLower(), value.GetUpper());
        half = Vector128.Max(half, Vector128.Shuffle(half, Vector128.Create(2, 3, 0, 1)));
        return MathF.Max(half[0], half[1]);
    }

    /// <summary>Eight by eight in three rounds: neighbouring rows, pairs of rows, halves of registers.</summary>
    public static void Transpose(float* from, nint fromStride, float* to, nint toStride)
    {
        Vector256<float> r0 = Vector256.Load(from), r1 = Vector256.Load(from + fromStride), r2 = Vector256.Load(from + 2 * fromStride), r3 = Vector256.Load(from + 3 * fromStride);
        Vector256<float> r4 = Vector256.Load(from + 4 * fromStride), r5 = Vector256.Load(from + 5 * fromStride), r6 = Vector256.Load(from + 6 * fromStride), r7 = Vector256.Load(from + 7 * fromStride);
        Vector256<double> a0 = Avx.UnpackLow(r0, r1).AsDouble(), a1 = Avx.UnpackHigh(r0, r1).AsDouble();
        Vector256<double> a2 = Avx.UnpackLow(r2, r3).AsDouble(), a3 = Avx.UnpackHigh(r2, r3).AsDouble();
        Vector256<double> a4 = Avx.UnpackLow(r4, r5).AsDouble(), a5 = Avx.UnpackHigh(r4, r5).AsDouble();
        Vector256<double> a6 = Avx.UnpackLow(r6, r7).AsDouble(), a7 = Avx.UnpackHigh(r6, r7).AsDouble();
        Vector256<double> b0 = Avx.UnpackLow(a0, a2), b1 = Avx.UnpackHigh(a0, a2), b2 = Avx.UnpackLow(a1, a3), b3 = Avx.UnpackHigh(a1, a3);
        Vector256<double> b4 = Avx.UnpackLow(a4, a6), b5 = Avx.UnpackHigh(a4, a6), b6 = Avx.UnpackLow(a5, a7), b7 = Avx.UnpackHigh(a5, a7);
        Avx.Permute2x128(b0, b4, 0x20).AsSingle().Store(to);
        Avx.Permute2x128(b0, b4, 0x31).AsSingle().Store(to + 4 * toStride);
        Avx.Permute2x128(b1, b5, 0x20).AsSingle().Store(to + toStride);
        Avx.Permute2x128(b1, b5, 0x31).AsSingle().Store(to + 5 * toStride);
        Avx.Permute2x128(b2, b6, 0x20).AsSingle().Store(to + 2 * toStride);
        Avx.Permute2x128(b2, b6, 0x31).AsSingle().Store(to + 6 * toStride);
        Avx.Permute2x128(b3, b7, 0x20).AsSingle().Store(to + 3 * toStride);
        Avx.Permute2x128(b3, b7, 0x31).AsSingle().Store(to + 7 * toStride);
    }
}
