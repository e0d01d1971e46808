namespace Engine.Kernels.Ops.Philox;

/// <summary>
/// Counter-based random numbers: Philox 4×32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
/// The generator holds no state: word <c>i</c> of a stream is a pure function of its <see cref="PhiloxKey"/> and <c>i</c>.
/// </summary>
public static partial class Philox
{
    private const uint M0 = 0xD2511F53, M1 = 0xCD9E8D57, W0 = 0x9E3779B9, W1 = 0xBB67AE85;

    /// <summary>One block: ten rounds over a 128-bit counter under a 64-bit key.</summary>
    public static (uint X0, uint X1, uint X2, uint X3) Block(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = (ulong)M0 * c0, p1 = (ulong)M1 * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += W0;
            k1 += W1;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>Block <paramref name="index"/> (four words) of the stream named by <paramref name="key"/>.</summary>
    public static (uint X0, uint X1, uint X2, uint X3) Block(in PhiloxKey key, uint index)
    {
        // The counter holds what varies most; the stream constant is folded into the key by one block of its own,
        // so that streams which differ in one bit share no counter space.
        var (a, b, _, _) = Block(key.Stream, 0, 0, 0, (uint)key.Seed, (uint)(key.Seed >> 32));
        return Block(index, key.Step, key.Episode, key.Environment, a, b);
    }

    /// <summary>Fills with uniform numbers in (0, 1), 24 bits of resolution; never exactly 0 or 1.</summary>
    public static void FillUniform(Span<float> destination, in PhiloxKey key)
    {
        for (int i = 0; i < destination.Length; i += 4)
        {
            var (x0, x1, x2, x3) = Block(key, (uint)(i / 4));
            destination[i] = ToUniform(x0);
            if (i + 1 < destination.Length) destination[i + 1] = ToUniform(x1);
            if (i + 2 < destination.Length) destination[i + 2] = ToUniform(x2);
            if (i + 3 < destination.Length) destination[i + 3] = ToUniform(x3);
        }
    }

    /// <summary>Fills with standard normal numbers (Box–Muller on pairs of words).</summary>
    public static void FillNormal(Span<float> destination, in PhiloxKey key)
    {
        for (int i = 0; i < destination.Length; i += 4)
        {
            var (x0, x1, x2, x3) = Block(key, (uint)(i / 4));
            var (n0, n1) = ToNormals(x0, x1);
            destination[i] = n0;
            if (i + 1 < destination.Length) destination[i + 1] = n1;
            if (i + 2 >= destination.Length) continue;
            var (n2, n3) = ToNormals(x2, x3);
            destination[i + 2] = n2;
            if (i + 3 < destination.Length) destination[i + 3] = n3;
        }
    }

    /// <summary>Maps a word to (0, 1): the middle of one of 2^24 cells.</summary>
    public static float ToUniform(uint word) => ((word >> 8) + 0.5f) * (1f / (1 << 24));

    private static (float, float) ToNormals(uint a, uint b)
    {
        float radius = MathF.Sqrt(-2f * MathF.Log(ToUniform(a)));
        var (sin, cos) = MathF.SinCos(2f * MathF.PI * ToUniform(b));
        return (radius * cos, radius * sin);
    }
}
