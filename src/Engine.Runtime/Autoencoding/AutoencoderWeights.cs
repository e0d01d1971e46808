using Engine.Kernels.Ops.Convolution;
using Engine.Runtime.Weights;
using Engine.Runtime.WorldModel;

namespace Engine.Runtime.Autoencoding;

/// <summary>An autoencoder's weights, packed for the kernels; immutable, shared by threads.</summary>
internal sealed class AutoencoderWeights : IDisposable
{
    private readonly List<IDisposable> _owned = [];

    public AutoencoderWeights(IReadOnlyDictionary<string, NamedArray> weights)
    {
        var reader = new WeightReader(weights, "the autoencoder");
        Width = (int)Dimension(weights, "encoder.0.weight", 0);
        LatentChannels = (int)Dimension(weights, "decoder.0.weight", 1);
        if (2 * Width % ResidualWeights.Groups != 0) throw new InvalidDataException($"the autoencoder's width must be a multiple of {ResidualWeights.Groups / 2}, 'encoder.0.weight' has {Width} outputs");
        int w = Width, c = LatentChannels;
        Mean = reader.Take("latent_mean", 1, c, 1, 1);
        Deviation = reader.Take("latent_std", 1, c, 1, 1);
        if (Deviation.Any(d => d <= 0)) throw new InvalidDataException($"the weight 'latent_std' must be positive, it holds {Deviation.Min()}");
        Halve0 = Convolution("encoder.0", 3, w, 4, 2, 1);
        Halve1 = Convolution("encoder.1", w, 2 * w, 4, 2, 1);
        EncodeQuarter = Residual("encoder.2", 2 * w);
        Halve2 = Convolution("encoder.3", 2 * w, 4 * w, 4, 2, 1);
        EncodeEighth = Residual("encoder.4", 4 * w);
        Moments = Own(new PackedConvolution(NormalisedMoments(reader, 4 * w, out float[] bias), bias, 4 * w, c, 1));
        Widen = Convolution("decoder.0", c, 4 * w, 3, 1, 1);
        DecodeEighth = Residual("decoder.1", 4 * w);
        Double0 = Shuffled("decoder.2", 4 * w, 8 * w, 1, 0);
        Spread0 = Convolution("decoder.3", 2 * w, 2 * w, 3, 1, 1);
        DecodeQuarter = Residual("decoder.4", 2 * w);
        Double1 = Shuffled("decoder.5", 2 * w, 4 * w, 1, 0);
        Spread1 = Convolution("decoder.6", w, w, 3, 1, 1);
        Double2 = Shuffled("decoder.7", w, 12, 3, 1);
        reader.RequireAllTaken();

        PackedConvolution Convolution(string name, int inputs, int outputs, int kernel, int stride, int padding) =>
            Own(new PackedConvolution(reader.Take(name + ".weight", outputs, inputs, kernel, kernel), reader.Take(name + ".bias", outputs), inputs, outputs, kernel, stride, padding));

        PackedConvolution Shuffled(string name, int inputs, int outputs, int kernel, int padding) => Own(new PackedConvolution(
            PixelOrder(reader.Take(name + ".weight", outputs, inputs, kernel, kernel), outputs), PixelOrder(reader.Take(name + ".bias", outputs), outputs), inputs, outputs, kernel, 1, padding));

        ResidualWeights Residual(string name, int channels) => Own(new ResidualWeights(
            reader.Take(name + ".norm.weight", channels), reader.Take(name + ".norm.bias", channels),
            new PackedConvolution(reader.Take(name + ".spatial.weight", channels, channels, 3, 3), reader.Take(name + ".spatial.bias", channels), channels, channels, 3, 1, 1),
            new PackedConvolution(reader.Take(name + ".mix.weight", channels, channels, 1, 1), reader.Take(name + ".mix.bias", channels), channels, channels, 1)));
    }

    /// <summary>Channels of the first convolution.</summary>
    public int Width { get; }

    public int LatentChannels { get; }

    /// <summary>Mean of the posterior's means, by latent channel.</summary>
    public float[] Mean { get; }

    /// <summary>Their deviation.</summary>
    public float[] Deviation { get; }

    public PackedConvolution Halve0 { get; }

    public PackedConvolution Halve1 { get; }

    public ResidualWeights EncodeQuarter { get; }

    public PackedConvolution Halve2 { get; }

    public ResidualWeights EncodeEighth { get; }

    /// <summary>Gives normalised latents: mean and deviation are folded in.</summary>
    public PackedConvolution Moments { get; }

    public PackedConvolution Widen { get; }

    public ResidualWeights DecodeEighth { get; }

    /// <summary>Outputs in the order (row, column, channel) of the 2 × 2 pixels that they become; so are those of the other two.</summary>
    public PackedConvolution Double0 { get; }

    public PackedConvolution Spread0 { get; }

    public ResidualWeights DecodeQuarter { get; }

    public PackedConvolution Double1 { get; }

    public PackedConvolution Spread1 { get; }

    public PackedConvolution Double2 { get; }

    public void Dispose() => _owned.ForEach(part => part.Dispose());

    private static long Dimension(IReadOnlyDictionary<string, NamedArray> weights, string name, int axis) =>
        weights.TryGetValue(name, out NamedArray? array) && array.Shape.Length == 4 && array.Shape[axis] is > 0 and <= 1024
            ? array.Shape[axis]
            : throw new InvalidDataException($"the autoencoder needs the weight '{name}' of four axes, at most 1024 each; {(array is null ? "the file does not have it" : $"it has [{string.Join(", ", array.Shape)}]")}");

    /// <summary>The posterior's means only, as (mean − <see cref="Mean"/>) / <see cref="Deviation"/>.</summary>
    private float[] NormalisedMoments(WeightReader reader, int inputs, out float[] bias)
    {
        float[] weight = reader.Take("encoder.5.weight", 2 * LatentChannels, inputs, 1, 1)[..(LatentChannels * inputs)];
        bias = reader.Take("encoder.5.bias", 2 * LatentChannels)[..LatentChannels];
        for (int c = 0; c < LatentChannels; c++)
        {
            bias[c] = (bias[c] - Mean[c]) / Deviation[c];
            for (int i = 0; i < inputs; i++) weight[c * inputs + i] /= Deviation[c];
        }

        return weight;
    }

    /// <summary>Rows by output (channel, row, column) of a pixel shuffle → (row, column, channel).</summary>
    private static float[] PixelOrder(float[] values, int outputs)
    {
        int each = values.Length / outputs, channels = outputs / 4;
        var result = new float[values.Length];
        for (int channel = 0; channel < channels; channel++)
        {
            for (int place = 0; place < 4; place++) values.AsSpan((channel * 4 + place) * each, each).CopyTo(result.AsSpan((place * channels + channel) * each));
        }

        return result;
    }

    private T Own<T>(T part)
        where T : IDisposable
    {
        _owned.Add(part);
        return part;
    }
}
