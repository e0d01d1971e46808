using Engine.Kernels.Ops.Convolution;

namespace Engine.Runtime.Autoencoding;

/// <summary>x + conv1×1(SiLU(conv3×3(SiLU(GroupNorm(x))))).</summary>
internal sealed record ResidualWeights(float[] Scale, float[] Shift, PackedConvolution Spatial, PackedConvolution Mix) : IDisposable
{
    /// <summary>Groups of channels that are normalised together.</summary>
    public const int Groups = 8;

    public void Dispose()
    {
        Spatial.Dispose();
        Mix.Dispose();
    }
}
