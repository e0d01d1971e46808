namespace Engine.Kernels.Ops.Gemm;

/// <summary>FP8 e4m3: sign, 4 bits of exponent (bias 7), 3 of fraction; no infinities, greatest number 448. Source: arXiv 2209.05433.</summary>
public readonly record struct Float8(byte Bits)
{
    /// <summary>Those of <see cref="Devices.Cuda.CudaKernel.AllArchitectures"/> that have it.</summary>
    internal static IReadOnlyList<string> Architectures { get; } = [.. Devices.Cuda.CudaKernel.AllArchitectures.Where(name => name != "sm_80")];

    /// <summary>The greatest number.</summary>
    public const float Max = 448;

    private const byte NotANumber = 0x7F, GreatestBits = 0x7E;

    /// <summary>The nearest one, ties to even; what is greater than 448 becomes 448, NaN stays NaN.</summary>
    public static Float8 From(float value)
    {
        if (float.IsNaN(value)) return new Float8(NotANumber);
        int sign = float.IsNegative(value) ? 0x80 : 0;
        double magnitude = Math.Abs((double)value);
        if (magnitude >= Max) return new Float8((byte)(sign | GreatestBits));
        // In units of the last place; a carry runs into the exponent by itself. Below 2⁻⁶ the place stays that of 2⁻⁶.
        int power = Math.Max(magnitude == 0 ? -6 : Math.ILogB(magnitude), -6);
        int units = (int)Math.Round(Math.ScaleB(magnitude, 3 - power), MidpointRounding.ToEven);
        return new Float8((byte)(sign | Math.Min(units + (power + 6 << 3), GreatestBits)));
    }

    /// <summary>Exactly.</summary>
    public float ToSingle()
    {
        int exponent = Bits >> 3 & 15, fraction = Bits & 7;
        float magnitude = (Bits & 0x7F) == NotANumber ? float.NaN : exponent == 0 ? MathF.ScaleB(fraction, -9) : MathF.ScaleB(8 + fraction, exponent - 10);
        return Bits < 0x80 ? magnitude : -magnitude;
    }

    /// <summary>Rounds a tensor divided by one scale, which makes its greatest magnitude 448, and returns the scale; zeros get 1.</summary>
    /// <param name="values">Finite numbers.</param>
    /// <param name="rounded">As many.</param>
    /// <exception cref="ArgumentException">A length does not fit, or a number is not finite.</exception>
    public static float Quantise(ReadOnlySpan<float> values, Span<Float8> rounded)
    {
        if (rounded.Length != values.Length) throw new ArgumentException($"rounded must hold {values.Length} numbers, as values does, it holds {rounded.Length}.", nameof(rounded));
        float most = 0;
        foreach (float value in values)
        {
            if (!float.IsFinite(value)) throw new ArgumentException($"values holds {value}; only finite numbers have a scale.", nameof(values));
            most = Math.Max(most, Math.Abs(value));
        }

        float scale = most == 0 ? 1 : most / Max;
        for (int i = 0; i < values.Length; i++) rounded[i] = From(values[i] / scale);
        return scale;
    }
}
