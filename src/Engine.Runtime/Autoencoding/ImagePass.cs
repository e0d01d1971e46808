using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Convolution;
using Engine.Kernels.Ops.GroupNorm;
using Engine.Kernels.Ops.Patchify;
using Engine.Kernels.Ops.Pixels;

namespace Engine.Runtime.Autoencoding;

/// <summary>Room for one image on its way through the layers. All of a team call with the same arguments; each does its rows of every layer.</summary>
internal sealed class ImagePass : IDisposable
{
    private readonly AutoencoderWeights _weights;
    private readonly int _height, _width;
    private readonly NativeBuffer<float> _image, _a, _b, _c, _d;

    public ImagePass(AutoencoderWeights weights, int height, int width)
    {
        (_weights, _height, _width) = (weights, height, width);
        _image = new NativeBuffer<float>(height * width * 3);

        // The widest layers are those at half the image's size.
        int most = height / 2 * (width / 2) * Math.Max(weights.Width, weights.Double2.Outputs);
        (_a, _b, _c, _d) = (new(most), new(most), new(most), new(most));
    }

    public long Bytes => _image.Bytes + _a.Bytes + _b.Bytes + _c.Bytes + _d.Bytes;

    /// <summary>u8 [H, W, 3] → [H/8, W/8, C].</summary>
    public void Encode(ReadOnlySpan<byte> image, Span<float> latents, Team team)
    {
        var (first, last) = team.Rows(_height, 1);
        int row = _width * 3;
        Pixels.ToNumbers(image[(first * row)..(last * row)], _image.Span[(first * row)..(last * row)]);
        team.Wait();
        Encode(_image.Span, latents, team);
    }

    /// <summary>[H, W, 3] in [−1, 1] → [H/8, W/8, C].</summary>
    public void Encode(ReadOnlySpan<float> image, Span<float> latents, Team team)
    {
        Layer(image, _height, _width, _weights.Halve0, _a.Span, ActivationFunction.Silu, team);
        Layer(_a.Span, _height / 2, _width / 2, _weights.Halve1, _b.Span, ActivationFunction.None, team);
        Residual(_b.Span, _height / 4, _width / 4, _weights.EncodeQuarter, ActivationFunction.Silu, team);
        Layer(_b.Span, _height / 4, _width / 4, _weights.Halve2, _a.Span, ActivationFunction.None, team);
        Residual(_a.Span, _height / 8, _width / 8, _weights.EncodeEighth, ActivationFunction.Silu, team);
        Layer(_a.Span, _height / 8, _width / 8, _weights.Moments, latents, ActivationFunction.None, team);
    }

    /// <summary>[H/8, W/8, C] → u8 [H, W, 3].</summary>
    public void Decode(ReadOnlySpan<float> latents, Span<byte> image, Team team)
    {
        Decode(latents, _image.Span, team);
        var (first, last) = team.Rows(_height, 1);
        int row = _width * 3;
        Pixels.ToBytes(_image.Span[(first * row)..(last * row)], image[(first * row)..(last * row)]);
        team.Wait();
    }

    /// <summary>[H/8, W/8, C] → [H, W, 3], about −1 … 1.</summary>
    public void Decode(ReadOnlySpan<float> latents, Span<float> image, Team team)
    {
        Restore(latents, team);
        Layer(_a.Span, _height / 8, _width / 8, _weights.Widen, _b.Span, ActivationFunction.None, team);
        Residual(_b.Span, _height / 8, _width / 8, _weights.DecodeEighth, ActivationFunction.None, team);
        Layer(_b.Span, _height / 8, _width / 8, _weights.Double0, _a.Span, ActivationFunction.None, team);
        Shuffle(_a.Span, _height / 8, _width / 8, _weights.Double0, _b.Span, team);
        Layer(_b.Span, _height / 4, _width / 4, _weights.Spread0, _a.Span, ActivationFunction.None, team);
        Residual(_a.Span, _height / 4, _width / 4, _weights.DecodeQuarter, ActivationFunction.None, team);
        Layer(_a.Span, _height / 4, _width / 4, _weights.Double1, _b.Span, ActivationFunction.Silu, team);
        Shuffle(_b.Span, _height / 4, _width / 4, _weights.Double1, _a.Span, team);
        Layer(_a.Span, _height / 2, _width / 2, _weights.Spread1, _b.Span, ActivationFunction.Silu, team);
        Layer(_b.Span, _height / 2, _width / 2, _weights.Double2, _a.Span, ActivationFunction.None, team);
        Shuffle(_a.Span, _height / 2, _width / 2, _weights.Double2, image, team);
    }

    public void Dispose()
    {
        foreach (var buffer in new[] { _image, _a, _b, _c, _d }) buffer.Dispose();
    }

    /// <summary>Latents as the decoder learnt them: zeros around them stand for zeros, not for their mean, so this cannot be folded into weights.</summary>
    private void Restore(ReadOnlySpan<float> latents, Team team)
    {
        int channels = _weights.LatentChannels, columns = _width / 8;
        var (first, last) = team.Rows(_height / 8, 1);
        Span<float> to = _a.Span;
        for (int i = first * columns * channels; i < last * columns * channels; i++)
        {
            int channel = i % channels;
            to[i] = latents[i] * _weights.Deviation[channel] + _weights.Mean[channel];
        }

        team.Wait();
    }

    private static void Layer(ReadOnlySpan<float> x, int height, int width, PackedConvolution packed, Span<float> y, ActivationFunction activation, Team team)
    {
        var (first, last) = team.Rows(packed.OutputSize(height), packed.RowGroup);
        Convolution.ApplyRows(x, height, width, packed, y, activation, first, last);
        team.Wait();
    }

    private void Residual(Span<float> x, int height, int width, ResidualWeights weights, ActivationFunction activation, Team team)
    {
        int channels = weights.Scale.Length;
        var (first, last) = team.Rows(height, weights.Spatial.RowGroup);
        GroupNorm.Apply(x, height * width, channels, ResidualWeights.Groups, weights.Scale, weights.Shift, ActivationFunction.Silu, _c.Span, first * width, last * width);
        team.Wait();
        Convolution.ApplyRows(_c.Span, height, width, weights.Spatial, _d.Span, ActivationFunction.Silu, first, last);
        Convolution.AddRows(_d.Span, height, width, weights.Mix, x, first, last);
        Span<float> mine = x[(first * width * channels)..(last * width * channels)];
        if (activation != ActivationFunction.None) Activation.Apply(activation, mine, mine);
        team.Wait();
    }

    private static void Shuffle(ReadOnlySpan<float> x, int height, int width, PackedConvolution packed, Span<float> y, Team team)
    {
        var (first, last) = team.Rows(height, 1);
        int numbers = packed.Outputs, row = width * numbers;
        if (first < last) Patchify.FromTokens(x[(first * row)..], numbers, 2 * (last - first), 2 * width, numbers / 4, 2, y[(first * row)..(last * row)]);
        team.Wait();
    }
}
