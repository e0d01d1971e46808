namespace Engine.Kernels.Ops.Philox;

/// <summary>A cursor over one Philox stream, for code that draws a varying number of values. Not thread-safe.</summary>
public sealed class PhiloxRandom(PhiloxKey key)
{
    private uint _index;
    private int _left;
    private (uint X0, uint X1, uint X2, uint X3) _block;

    /// <summary>The next 32-bit word.</summary>
    public uint NextWord()
    {
        if (_left == 0)
        {
            _block = Philox.Block(key, _index++);
            _left = 4;
        }

        return (4 - _left--) switch { 0 => _block.X0, 1 => _block.X1, 2 => _block.X2, _ => _block.X3 };
    }

    /// <summary>Uniform in (0, 1).</summary>
    public float NextFloat() => Philox.ToUniform(NextWord());

    /// <summary>Uniform in (<paramref name="low"/>, <paramref name="high"/>).</summary>
    public float NextFloat(float low, float high) => low + (high - low) * NextFloat();

    /// <summary>Uniform integer in [0, <paramref name="bound"/>), without modulo bias worth the name (bias below bound / 2^32).</summary>
    /// <exception cref="ArgumentOutOfRangeException">bound is not positive.</exception>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        return (int)(((ulong)NextWord() * (ulong)bound) >> 32);
    }

    /// <summary>Standard normal (Box–Muller; the second of each pair is not kept, so that the cursor stays simple).</summary>
    public float NextNormal() => MathF.Sqrt(-2f * MathF.Log(NextFloat())) * MathF.Cos(2f * MathF.PI * NextFloat());

    /// <summary>Fisher–Yates shuffle in place.</summary>
    public void Shuffle<T>(Span<T> values)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = NextInt(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }
}
