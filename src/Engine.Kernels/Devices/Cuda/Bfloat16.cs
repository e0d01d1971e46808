namespace Engine.Kernels.Devices.Cuda;

/// <summary>The upper half of a float32: sign, 8 bits of exponent, 7 of fraction.</summary>
public readonly record struct Bfloat16(ushort Bits)
{
    /// <summary>The nearest one, ties to even; NaN stays NaN.</summary>
    public static Bfloat16 From(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value)) return new Bfloat16((ushort)(bits >> 16 | 0x40));
        return new Bfloat16((ushort)(bits + 0x7FFF + (bits >> 16 & 1) >> 16));
    }

    /// <summary>Exactly.</summary>
    public float ToSingle() => BitConverter.UInt32BitsToSingle((uint)Bits << 16);

    /// <summary>Rounds a whole span.</summary>
    public static Bfloat16[] Round(ReadOnlySpan<float> values)
    {
        var rounded = new Bfloat16[values.Length];
        for (int i = 0; i < rounded.Length; i++) rounded[i] = From(values[i]);
        return rounded;
    }
}
