using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Convolution;

/// <summary>The weight and bias of a square convolution with zero padding on a device, in bfloat16. Names memory, does not own it; the kernel right before a convolution must not write it.</summary>
public sealed record CudaConvolution
{
    /// <param name="weight">[outputs, kernel, kernel, inputs] (a state dict's [outputs, inputs, kernel, kernel] with the channels last), at a multiple of 16 bytes.</param>
    /// <param name="bias">[outputs], or empty.</param>
    /// <param name="inputs">Channels of the image, a multiple of 8.</param>
    /// <param name="outputs">Channels of the result.</param>
    /// <param name="kernel">Side of a patch in pixels: 1 or 3.</param>
    /// <param name="stride">Pixels from patch to patch.</param>
    /// <param name="padding">Zeros above and to the left of the image.</param>
    /// <param name="trailing">Zeros below and to the right of it; null: as many as <paramref name="padding"/>.</param>
    /// <param name="upsampled">Whether the image is seen at twice its size, each pixel four times (nearest neighbour).</param>
    /// <exception cref="ArgumentException">A length or an alignment does not fit, or a size is out of range.</exception>
    public CudaConvolution(
        DeviceSpan<Bfloat16> weight, DeviceSpan<float> bias, int inputs, int outputs, int kernel, int stride = 1, int padding = 0, int? trailing = null, bool upsampled = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(stride);
        ArgumentOutOfRangeException.ThrowIfNegative(padding);
        if (kernel is not (1 or 3)) throw new ArgumentOutOfRangeException(nameof(kernel), kernel, "On the device a patch must be 1 × 1 or 3 × 3.");
        int behind = trailing ?? padding;
        if (padding >= kernel || behind < 0 || behind >= kernel)
            throw new ArgumentOutOfRangeException(nameof(padding), $"Padding of {padding} and {behind} must be 0 … {kernel - 1}, less than the kernel.");
        if (inputs % 8 != 0)
            throw new ArgumentException($"inputs must be a multiple of 8 (16 bytes), they are {inputs}; pad image and weight with channels of zeros to {(inputs + 7) / 8 * 8}.", nameof(inputs));
        long numbers = (long)outputs * kernel * kernel * inputs;
        if (weight.Length != numbers)
        {
            throw new ArgumentException(
                $"weight must hold outputs × kernel × kernel × inputs = {outputs} × {kernel} × {kernel} × {inputs} numbers, it holds {weight.Length}.", nameof(weight));
        }

        if (bias.Length != 0 && bias.Length != outputs) throw new ArgumentException($"bias must hold {outputs} numbers, or none; it holds {bias.Length}.", nameof(bias));
        if (weight.Address % 16 != 0) throw new ArgumentException($"weight must start at a multiple of 16 bytes, it starts at 0x{weight.Address:x}.", nameof(weight));
        (Weight, Bias, Inputs, Outputs, Kernel, Stride, Padding, Trailing, Upsampled) = (weight, bias, inputs, outputs, kernel, stride, padding, behind, upsampled);
    }

    /// <summary>[Outputs, Kernel, Kernel, Inputs].</summary>
    public DeviceSpan<Bfloat16> Weight { get; }

    /// <summary>[Outputs], or empty.</summary>
    public DeviceSpan<float> Bias { get; }

    /// <summary>Channels of the image.</summary>
    public int Inputs { get; }

    /// <summary>Channels of the result.</summary>
    public int Outputs { get; }

    /// <summary>Side of a patch in pixels.</summary>
    public int Kernel { get; }

    /// <summary>Pixels from patch to patch.</summary>
    public int Stride { get; }

    /// <summary>Zeros above and to the left of the image.</summary>
    public int Padding { get; }

    /// <summary>Zeros below and to the right of it.</summary>
    public int Trailing { get; }

    /// <summary>Whether the image is seen at twice its size.</summary>
    public bool Upsampled { get; }

    /// <summary>Rows or columns of the result of an image with so many; 0 where a patch does not fit.</summary>
    public int OutputSize(int size) => Math.Max(0, (size * (Upsampled ? 2 : 1) + Padding + Trailing - Kernel + Stride) / Stride);
}
