using Engine.Kernels.Ops.Philox;
using Engine.Runtime.Weights;

namespace Engine.Runtime.Tests.Autoencoding;

/// <summary>Weights of an autoencoder whose layers keep the size of what goes through them.</summary>
internal static class RandomAutoencoder
{
    public static Dictionary<string, NamedArray> Weights(int width, int latentChannels)
    {
        var weights = new Dictionary<string, NamedArray>();
        uint next = 0;
        int w = width, c = latentChannels;
        Convolution("encoder.0", 3, w, 4);
        Convolution("encoder.1", w, 2 * w, 4);
        Residual("encoder.2", 2 * w);
        Convolution("encoder.3", 2 * w, 4 * w, 4);
        Residual("encoder.4", 4 * w);
        Convolution("encoder.5", 4 * w, 2 * c, 1);
        Convolution("decoder.0", c, 4 * w, 3);
        Residual("decoder.1", 4 * w);
        Convolution("decoder.2", 4 * w, 8 * w, 1);
        Convolution("decoder.3", 2 * w, 2 * w, 3);
        Residual("decoder.4", 2 * w);
        Convolution("decoder.5", 2 * w, 4 * w, 1);
        Convolution("decoder.6", w, w, 3);
        Convolution("decoder.7", w, 12, 3);
        weights["latent_mean"] = NamedArray.FromFloat32(Normal(c, 0.3f, 0), 1, c, 1, 1);
        weights["latent_std"] = NamedArray.FromFloat32(Array.ConvertAll(Normal(c, 0.2f, 0), v => 0.7f + MathF.Abs(v)), 1, c, 1, 1);
        return weights;

        void Convolution(string name, int inputs, int outputs, int kernel)
        {
            weights[name + ".weight"] = NamedArray.FromFloat32(Normal(outputs * inputs * kernel * kernel, 1.5f / MathF.Sqrt(inputs * kernel * kernel), 0), outputs, inputs, kernel, kernel);
            weights[name + ".bias"] = NamedArray.FromFloat32(Normal(outputs, 0.2f, 0), outputs);
        }

        void Residual(string name, int channels)
        {
            weights[name + ".norm.weight"] = NamedArray.FromFloat32(Normal(channels, 0.2f, 1), channels);
            weights[name + ".norm.bias"] = NamedArray.FromFloat32(Normal(channels, 0.2f, 0), channels);
            Convolution(name + ".spatial", channels, channels, 3);
            Convolution(name + ".mix", channels, channels, 1);
        }

        float[] Normal(int count, float scale, float mean)
        {
            var values = new float[count];
            Philox.FillNormal(values, new PhiloxKey(11, PhiloxStream.Latent, next++));
            return Array.ConvertAll(values, v => mean + scale * v);
        }
    }
}
