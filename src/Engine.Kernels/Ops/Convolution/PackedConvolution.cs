using Engine.Kernels.Memory;
using Engine.Kernels.Ops.Gemm;

namespace Engine.Kernels.Ops.Convolution;

/// <summary>
/// The weight and bias of a square convolution with zero padding, rearranged once so that it is a linear layer on patches, whose numbers are in the order
/// (row, column, channel). Immutable and shared by threads.
/// </summary>
public sealed class PackedConvolution : IDisposable
{
    /// <summary>Transformed weights up to this size stay in the second-level cache beside the image.</summary>
    private const int LargeTileBytes = 512 << 10;

    /// <summary>With fewer channels transforms cost more than they save.</summary>
    private const int LeastChannels = 16;

    private readonly NativeBuffer<float> _ones;

    /// <summary>Packs a weight [<paramref name="outputs"/>, <paramref name="inputs"/>, kernel, kernel], row-major (the layout of a state dict), and a bias [outputs], or none.</summary>
    /// <param name="weight">[outputs, inputs, kernel, kernel].</param>
    /// <param name="bias">[outputs], or empty.</param>
    /// <param name="inputs">Channels of the image.</param>
    /// <param name="outputs">Channels of the result.</param>
    /// <param name="kernel">Side of a patch in pixels.</param>
    /// <param name="stride">Pixels from patch to patch.</param>
    /// <param name="padding">Zeros around the image; less than <paramref name="kernel"/>.</param>
    /// <exception cref="ArgumentException">A length does not fit the shape, or a size is out of range.</exception>
    public PackedConvolution(ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int inputs, int outputs, int kernel, int stride = 1, int padding = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(kernel);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stride);
        ArgumentOutOfRangeException.ThrowIfNegative(padding);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(padding, kernel);
        if (weight.Length != (long)outputs * inputs * kernel * kernel)
        {
            throw new ArgumentException(
                $"weight must hold outputs × inputs × kernel × kernel = {outputs} × {inputs} × {kernel} × {kernel} numbers, it holds {weight.Length}.", nameof(weight));
        }

        (Inputs, Outputs, Kernel, Stride, Padding) = (inputs, outputs, kernel, stride, padding);
        int taps = kernel * kernel;
        float[] patches = new float[weight.Length];
        for (int output = 0; output < outputs; output++)
        {
            for (int input = 0; input < inputs; input++)
            {
                ReadOnlySpan<float> from = weight.Slice((output * inputs + input) * taps, taps);
                for (int tap = 0; tap < taps; tap++) patches[(output * taps + tap) * inputs + input] = from[tap];
            }
        }

        Linear = new PackedLinear(patches, bias, taps * inputs, outputs);
        _ones = new NativeBuffer<float>(outputs);
        _ones.Span.Fill(1f);
        if (kernel != 3 || stride != 1 || inputs < LeastChannels) return;
        RowGroup = 36L * inputs * Math.Max(outputs, LeastChannels) * sizeof(float) <= LargeTileBytes ? 4 : 2;
        Taps = WinogradWeights.Transform(weight, inputs, outputs, RowGroup);
    }

    /// <summary>Channels of the image.</summary>
    public int Inputs { get; }

    /// <summary>Channels of the result.</summary>
    public int Outputs { get; }

    /// <summary>Side of a patch in pixels.</summary>
    public int Kernel { get; }

    /// <summary>Pixels from patch to patch.</summary>
    public int Stride { get; }

    /// <summary>Zeros around the image.</summary>
    public int Padding { get; }

    /// <summary>Bytes held.</summary>
    public long Bytes => Linear.Bytes + _ones.Bytes + Taps.Sum(tap => tap.Bytes);

    /// <summary>Rows of the result that are computed together: threads that share an image should divide it between groups of so many, from row 0 on.</summary>
    public int RowGroup { get; } = 1;

    /// <summary>The convolution as a linear layer on patches.</summary>
    internal PackedLinear Linear { get; }

    /// <summary>Its weights transformed for minimal filtering, one matrix for each point; none where it does not apply.</summary>
    internal PackedLinear[] Taps { get; } = [];

    /// <summary>Outputs gates that leave a sum as it is.</summary>
    internal ReadOnlySpan<float> Ones => _ones.Span;

    /// <summary>Whether an image's pixels are its patches.</summary>
    internal bool IsPointwise => Kernel == 1 && Stride == 1;

    /// <summary>Rows or columns of the result of an image with so many: (size + 2·padding − kernel) / stride + 1.</summary>
    public int OutputSize(int size) => size + 2 * Padding < Kernel ? 0 : (size + 2 * Padding - Kernel) / Stride + 1;

    /// <summary>Frees the memory; no thread may be using it.</summary>
    public void Dispose()
    {
        Linear.Dispose();
        foreach (PackedLinear tap in Taps) tap.Dispose();
        _ones.Dispose();
    }
}
