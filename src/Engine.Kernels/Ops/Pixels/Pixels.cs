using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.Pixels;

/// <summary>Between bytes of images and the numbers that networks see: 0 … 255 and −1 … 1.</summary>
public static partial class Pixels
{
    internal static readonly VariantTable Variants = VariantTable.For("pixels");

    /// <summary>numbers[i] = bytes[i] · (1 / 127.5) − 1.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void ToNumbers(ReadOnlySpan<byte> bytes, Span<float> numbers) => ToNumbers(Variants.Active, bytes, numbers);

    /// <summary>bytes[i] = numbers[i], limited to [−1, 1], · 127.5 + 128, without its fraction: the nearest byte. A NaN gives any.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void ToBytes(ReadOnlySpan<float> numbers, Span<byte> bytes) => ToBytes(Variants.Active, numbers, bytes);

    internal static unsafe void ToNumbers(KernelVariant variant, ReadOnlySpan<byte> bytes, Span<float> numbers)
    {
        Check(bytes.Length, numbers.Length);
        fixed (byte* from = bytes)
        fixed (float* to = numbers)
        {
            int done = variant switch
            {
                KernelVariant.Vector512 => NumbersVector<Vector512<float>, Lanes512>(from, to, bytes.Length),
                KernelVariant.Vector256 => NumbersVector<Vector256<float>, Lanes256>(from, to, bytes.Length),
                _ => 0,
            };
            NumbersReference(from, to, done, bytes.Length);
        }
    }

    internal static unsafe void ToBytes(KernelVariant variant, ReadOnlySpan<float> numbers, Span<byte> bytes)
    {
        Check(bytes.Length, numbers.Length);
        fixed (float* from = numbers)
        fixed (byte* to = bytes)
        {
            int done = variant switch
            {
                KernelVariant.Vector512 => BytesVector<Vector512<float>, Lanes512>(from, to, bytes.Length),
                KernelVariant.Vector256 => BytesVector<Vector256<float>, Lanes256>(from, to, bytes.Length),
                _ => 0,
            };
            BytesReference(from, to, done, bytes.Length);
        }
    }

    private static void Check(int bytes, int numbers)
    {
        if (bytes != numbers) throw new ArgumentException($"there must be as many numbers as bytes; there are {bytes} bytes and {numbers} numbers.", nameof(numbers));
    }
}
