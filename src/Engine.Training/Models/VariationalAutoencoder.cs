using Engine.Runtime.Autoencoding;
using Engine.Training.Checkpoints;
using Engine.Training.Torch;
using Engine.Training.Torch.Layers;

namespace Engine.Training.Models;

/// <summary>
/// A small convolutional variational autoencoder of the form that latent diffusion uses (Kingma and Welling, arXiv 1312.6114;
/// Rombach et al., arXiv 2112.10752): images [N, 3, H, W] in [−1, 1] (channels last in memory), 8× down to
/// latents [N, C, H/8, W/8]. <see cref="Encode"/> gives latents of zero mean and unit variance by the stored statistics
/// (<c>latent_mean</c>, <c>latent_std</c>), which take the place of the scaling factor of larger models.
/// </summary>
public sealed class VariationalAutoencoder : Module
{
    private readonly Conv2d _in1, _in2, _in3, _moments, _out0, _up1, _mid1, _up2, _mid2, _last;
    private readonly ResidualConvolution _res1, _res2, _res3, _res4;
    private readonly Tensor _mean, _std;

    /// <param name="initialiser">Source of the initial weights.</param>
    /// <param name="latentChannels">Latent channels C.</param>
    /// <param name="width">Channels of the first convolution; the others are multiples of it.</param>
    public VariationalAutoencoder(WeightInitialiser initialiser, int latentChannels = 4, int width = 32)
    {
        LatentChannels = latentChannels;
        int w = width;
        _in1 = Child("encoder.0", new Conv2d(initialiser, 3, w, 4, 2, 1));
        _in2 = Child("encoder.1", new Conv2d(initialiser, w, 2 * w, 4, 2, 1));
        _res1 = Child("encoder.2", new ResidualConvolution(initialiser, 2 * w));
        _in3 = Child("encoder.3", new Conv2d(initialiser, 2 * w, 4 * w, 4, 2, 1));
        _res2 = Child("encoder.4", new ResidualConvolution(initialiser, 4 * w));
        _moments = Child("encoder.5", new Conv2d(initialiser, 4 * w, 2 * latentChannels, 1));
        _out0 = Child("decoder.0", new Conv2d(initialiser, latentChannels, 4 * w, 3, 1, 1));
        _res3 = Child("decoder.1", new ResidualConvolution(initialiser, 4 * w));
        _up1 = Child("decoder.2", new Conv2d(initialiser, 4 * w, 8 * w, 1));
        _mid1 = Child("decoder.3", new Conv2d(initialiser, 2 * w, 2 * w, 3, 1, 1));
        _res4 = Child("decoder.4", new ResidualConvolution(initialiser, 2 * w));
        _up2 = Child("decoder.5", new Conv2d(initialiser, 2 * w, 4 * w, 1));
        _mid2 = Child("decoder.6", new Conv2d(initialiser, w, w, 3, 1, 1));
        _last = Child("decoder.7", new Conv2d(initialiser, w, 12, 3, 1, 1));
        _mean = Buffer("latent_mean", Tensor.Zeros(1, latentChannels, 1, 1));
        _std = Buffer("latent_std", Tensor.Ones(1, latentChannels, 1, 1));
    }

    /// <summary>Latent channels C.</summary>
    public int LatentChannels { get; }

    /// <summary>Mean and log-variance [N, C, H/8, W/8] of the posterior, before normalisation; log-variance clamped to [−8, 2].</summary>
    public (Tensor Mean, Tensor LogVariance) Posterior(Tensor images)
    {
        var x = _in1.Forward(images).Silu();
        x = _res1.Forward(_in2.Forward(x)).Silu();
        x = _res2.Forward(_in3.Forward(x)).Silu();
        var moments = _moments.Forward(x).Chunk(2, 1);
        return (moments[0], moments[1].Clamp(-8, 2));
    }

    /// <summary>Normalised latents [N, C, H/8, W/8] (posterior mean).</summary>
    public Tensor Encode(Tensor images) => (Posterior(images).Mean - _mean) / _std;

    /// <summary>Images [N, 3, H, W] from normalised latents; not clamped.</summary>
    public Tensor Decode(Tensor latents) => DecodeRaw(latents * _std + _mean);

    /// <summary>Images from latents as the posterior gives them.</summary>
    public Tensor DecodeRaw(Tensor latents)
    {
        var x = _res3.Forward(_out0.Forward(latents));
        x = Functional.PixelShuffle(_up1.Forward(x), 2);
        x = _res4.Forward(_mid1.Forward(x.ChannelsLast()));
        x = Functional.PixelShuffle(_up2.Forward(x), 2).Silu();
        x = _mid2.Forward(x.ChannelsLast()).Silu();
        return Functional.PixelShuffle(_last.Forward(x), 2);
    }

    /// <summary>The same model on the runtime's kernels, with the weights of this moment, for images of one size.</summary>
    public Autoencoder ToRuntime(int height, int width)
    {
        using var scope = new TensorScope();
        return Autoencoder.Load(TensorConversion.ToNamedArrays(StateDict()), height, width);
    }

    /// <summary>Sets the statistics that normalise latents; both have C numbers.</summary>
    public void SetLatentStatistics(ReadOnlySpan<float> mean, ReadOnlySpan<float> std)
    {
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        _mean.CopyInPlace(Tensor.FromSpan(mean, 1, LatentChannels, 1, 1));
        _std.CopyInPlace(Tensor.FromSpan(std, 1, LatentChannels, 1, 1));
    }
}
