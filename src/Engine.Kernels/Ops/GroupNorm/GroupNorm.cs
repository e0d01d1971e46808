using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Variants;

namespace Engine.Kernels.Ops.GroupNorm;

/// <summary>
/// Group normalisation of one image, channels last (Wu and He, arXiv 1803.08494), with an activation behind it. The vector variants give
/// the same bits.
/// </summary>
public static partial class GroupNorm
{
    internal static readonly VariantTable Variants = VariantTable.For("group-norm");

    /// <summary>
    /// y = f((x − mean) / √(variance + epsilon) · scale + shift) in pixels <paramref name="firstPixel"/> … <paramref name="lastPixel"/> − 1; mean and biased
    /// variance are those of a group of neighbouring channels over the whole image.
    /// </summary>
    /// <remarks>Threads that share an image each compute the statistics: that takes less time than to wait for one another.</remarks>
    /// <param name="x">[pixels, channels], the whole image.</param>
    /// <param name="pixels">Rows times columns.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="groups">Groups of channels; divides <paramref name="channels"/>.</param>
    /// <param name="scale">[channels].</param>
    /// <param name="shift">[channels].</param>
    /// <param name="activation">f.</param>
    /// <param name="y">[pixels, channels]; may be x itself where all pixels are asked for.</param>
    /// <param name="firstPixel">First pixel of the result.</param>
    /// <param name="lastPixel">Pixel behind the last.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <exception cref="ArgumentException">A length does not fit, or groups do not divide the channels.</exception>
    public static void Apply(
        ReadOnlySpan<float> x, int pixels, int channels, int groups, ReadOnlySpan<float> scale, ReadOnlySpan<float> shift, ActivationFunction activation,
        Span<float> y, int firstPixel, int lastPixel, float epsilon = 1e-5f) =>
        Apply(Variants.Active, x, pixels, channels, groups, scale, shift, activation, y, firstPixel, lastPixel, epsilon);

    internal static unsafe void Apply(
        KernelVariant variant, ReadOnlySpan<float> x, int pixels, int channels, int groups, ReadOnlySpan<float> scale, ReadOnlySpan<float> shift, ActivationFunction activation,
        Span<float> y, int firstPixel, int lastPixel, float epsilon)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pixels);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        if (groups <= 0 || channels % groups != 0) throw new ArgumentException($"groups must divide the {channels} channels, there are {groups}.", nameof(groups));
        if (x.Length < (long)pixels * channels || y.Length < (long)pixels * channels)
        {
            throw new ArgumentException($"x and y must hold pixels × channels = {pixels} × {channels} numbers; they hold {x.Length} and {y.Length}.", nameof(x));
        }

        if (scale.Length != channels || shift.Length != channels)
        {
            throw new ArgumentException($"scale and shift must hold {channels} numbers; they hold {scale.Length} and {shift.Length}.", nameof(scale));
        }

        if (firstPixel < 0 || lastPixel > pixels || firstPixel > lastPixel) throw new ArgumentException($"pixels {firstPixel}…{lastPixel} are not within 0…{pixels}.", nameof(firstPixel));
        if (channels > MostChannels) throw new ArgumentOutOfRangeException(nameof(channels), channels, $"at most {MostChannels} channels are supported.");
        fixed (float* px = x, py = y, pscale = scale, pshift = shift)
        {
            var image = new Image(px, pixels, channels, groups, pscale, pshift, py, firstPixel, lastPixel, epsilon);
            if (variant == KernelVariant.Vector512) Run<Vector512<float>, Lanes512>(image);
            else if (variant == KernelVariant.Vector256) Run<Vector256<float>, Lanes256>(image);
            else RunReference(image);
        }

        var result = y[(firstPixel * channels)..(lastPixel * channels)];
        if (activation != ActivationFunction.None) Activation.Activation.Apply(variant, activation, result, result);
    }

    private readonly unsafe struct Image(float* x, int pixels, int channels, int groups, float* scale, float* shift, float* y, int firstPixel, int lastPixel, float epsilon)
    {
        public readonly float* X = x, Scale = scale, Shift = shift, Y = y;
        public readonly int Pixels = pixels, Channels = channels, Groups = groups, FirstPixel = firstPixel, LastPixel = lastPixel;
        public readonly float Epsilon = epsilon;
    }
}
