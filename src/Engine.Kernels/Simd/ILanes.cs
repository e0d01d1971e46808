namespace Engine.Kernels.Simd;

/// <summary>
/// The vector operations that the kernels use, so that one source serves every register width: the compiler makes one
/// specialised copy per implementing struct, without calls.
/// </summary>
internal unsafe interface ILanes<TVector>
    where TVector : struct
{
    static abstract int Count { get; }

    static abstract TVector Create(float value);

    static abstract TVector Load(float* source);

    /// <summary>As many bytes as there are lanes, as numbers.</summary>
    static abstract TVector LoadBytes(byte* source);

    static abstract void Store(TVector value, float* destination);

    /// <summary>Numbers in [0, 256), their fractions cut off, as bytes.</summary>
    static abstract void StoreBytes(TVector value, byte* destination);

    /// <summary>Stores past the caches; the destination must be aligned to the register's size.</summary>
    static abstract void StoreStreaming(TVector value, float* destination);

    static abstract TVector Add(TVector left, TVector right);

    static abstract TVector Subtract(TVector left, TVector right);

    static abstract TVector Multiply(TVector left, TVector right);

    static abstract TVector Divide(TVector left, TVector right);

    /// <summary>left · right + addend, rounded once.</summary>
    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector addend);

    static abstract TVector Min(TVector left, TVector right);

    static abstract TVector Max(TVector left, TVector right);

    static abstract TVector Abs(TVector value);

    /// <summary>Magnitude of the first, sign of the second.</summary>
    static abstract TVector CopySign(TVector magnitude, TVector sign);

    /// <summary>Lane by lane: <paramref name="left"/> &lt; <paramref name="right"/> ? <paramref name="yes"/> : <paramref name="no"/>.</summary>
    static abstract TVector SelectLess(TVector left, TVector right, TVector yes, TVector no);

    /// <summary>Adds the low nine bits of <paramref name="bits"/>, read as an integer, to the exponent of <paramref name="value"/>.</summary>
    static abstract TVector AddExponent(TVector value, TVector bits);

    /// <summary>Exchanges lanes 2j and 2j + 1.</summary>
    static abstract TVector SwapPairs(TVector value);

    static abstract float Sum(TVector value);

    static abstract float MaxAcross(TVector value);

    /// <summary>Transposes a square of Count × Count numbers; source and destination must not overlap.</summary>
    static abstract void Transpose(float* from, nint fromStride, float* to, nint toStride);
}
