namespace Engine.Kernels.Ops.Patchify;

/// <summary>
/// Rearranges one frame of latents [height, width, channels] into patch tokens [height/p · width/p, p · p · channels] and back.
/// A token's numbers are in the order (row in the patch, column in the patch, channel); tokens are row-major. Pure copies of runs of
/// p · channels numbers: there is one variant.
/// </summary>
public static partial class Patchify
{
    /// <summary>tokens = scale · latents, rearranged.</summary>
    /// <param name="latents">[height, width, channels].</param>
    /// <param name="height">Rows; a multiple of <paramref name="patch"/>.</param>
    /// <param name="width">Columns; a multiple of <paramref name="patch"/>.</param>
    /// <param name="channels">Channels.</param>
    /// <param name="patch">Side of a patch.</param>
    /// <param name="scale">Factor; with 1 the numbers are copied.</param>
    /// <param name="tokens">Rows of patch² · channels numbers, <paramref name="stride"/> apart.</param>
    /// <param name="stride">Distance between tokens.</param>
    /// <exception cref="ArgumentException">A length or a shape does not fit.</exception>
    public static void ToTokens(ReadOnlySpan<float> latents, int height, int width, int channels, int patch, float scale, Span<float> tokens, int stride)
    {
        Check(latents.Length, height, width, channels, patch, tokens.Length, stride);
        int run = patch * channels, columns = width / patch;
        for (int y = 0; y < height; y++)
        {
            int token = y / patch * columns, inner = y % patch * run;
            for (int column = 0; column < columns; column++)
            {
                ReadOnlySpan<float> from = latents.Slice((y * columns + column) * run, run);
                Span<float> to = tokens.Slice((token + column) * stride + inner, run);
                if (scale == 1f)
                {
                    from.CopyTo(to);
                }
                else
                {
                    for (int i = 0; i < from.Length; i++) to[i] = scale * from[i];
                }
            }
        }
    }

    /// <summary>latents = tokens, rearranged back.</summary>
    /// <inheritdoc cref="ToTokens"/>
    public static void FromTokens(ReadOnlySpan<float> tokens, int stride, int height, int width, int channels, int patch, Span<float> latents)
    {
        Check(latents.Length, height, width, channels, patch, tokens.Length, stride);
        int run = patch * channels, columns = width / patch;
        for (int y = 0; y < height; y++)
        {
            int token = y / patch * columns, inner = y % patch * run;
            for (int column = 0; column < columns; column++)
            {
                tokens.Slice((token + column) * stride + inner, run).CopyTo(latents.Slice((y * columns + column) * run, run));
            }
        }
    }

    private static void Check(int latents, int height, int width, int channels, int patch, int tokens, int stride)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(patch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        if (height <= 0 || width <= 0 || height % patch != 0 || width % patch != 0)
        {
            throw new ArgumentException($"The frame must be a whole number of {patch} × {patch} patches, it is {height} × {width}.", nameof(height));
        }

        if (latents < (long)height * width * channels) throw new ArgumentException($"latents must hold {height} × {width} × {channels} numbers, it holds {latents}.", nameof(latents));
        long count = (long)(height / patch) * (width / patch), size = (long)patch * patch * channels;
        if (stride < size || tokens < (count - 1) * stride + size)
        {
            throw new ArgumentException($"tokens must hold {count} rows of {size} numbers, {stride} apart; it holds {tokens}.", nameof(tokens));
        }
    }
}
