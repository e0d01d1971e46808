using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>The weight and bias of a linear layer, y = x·Wᵀ + b, on a device. Names memory, does not own it; the kernel right before a product must not write it.</summary>
public sealed record CudaLinear
{
    private CudaLinear(ulong weight, long length, DeviceSpan<float> bias, int inputs, int outputs, GemmInput input)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        Input = input;
        if (inputs % Alignment != 0)
        {
            throw new ArgumentException(
                $"inputs must be a multiple of {Alignment} (16 bytes of {input}), they are {inputs}; pad weight and x with zeros to {(inputs + Alignment - 1) / Alignment * Alignment}.",
                nameof(inputs));
        }

        if (length != (long)inputs * outputs) throw new ArgumentException($"weight must hold outputs × inputs = {outputs} × {inputs} numbers, it holds {length}.", nameof(weight));
        if (bias.Length != 0 && bias.Length != outputs) throw new ArgumentException($"bias must hold {outputs} numbers, or none; it holds {bias.Length}.", nameof(bias));
        if (weight % 16 != 0) throw new ArgumentException($"weight must start at a multiple of 16 bytes, it starts at 0x{weight:x}.", nameof(weight));
        Weight = weight;
        Bias = bias;
        Inputs = inputs;
        Outputs = outputs;
    }

    /// <summary>Address of the weight [Outputs, Inputs], row-major (the layout of a state dict).</summary>
    public ulong Weight { get; }

    /// <summary>[Outputs], or empty.</summary>
    public DeviceSpan<float> Bias { get; }

    /// <summary>K.</summary>
    public int Inputs { get; }

    /// <summary>N.</summary>
    public int Outputs { get; }

    /// <summary>What W and x are stored as.</summary>
    public GemmInput Input { get; }

    /// <summary>[Outputs]: what row n of W was divided by; empty but for <see cref="GemmInput.Float8"/>.</summary>
    public DeviceSpan<float> Scales { get; private init; }

    /// <summary>
    /// Blocks that share the sums of this layer's products, when they are not to be chosen by the number of rows: only with a fixed number, and with <see cref="Warpgroups"/>
    /// fixed, do a row's bits not depend on how many rows there are.
    /// </summary>
    public int? Splits { get; init; }

    /// <summary>
    /// Whether this layer's products take the warp groups of Hopper, when that is not to be chosen by the number of rows: a row's bits depend on it. No effect on other devices.
    /// </summary>
    public bool? Warpgroups { get; init; }

    /// <summary>Bytes of one number of W or x.</summary>
    public int ElementBytes => Input switch { GemmInput.Float8 => 1, GemmInput.Float32 => 4, _ => 2 };

    private int Alignment => 16 / ElementBytes;

    /// <summary>In bfloat16.</summary>
    /// <param name="weight">[outputs, inputs], at a multiple of 16 bytes.</param>
    /// <param name="bias">[outputs], or empty.</param>
    /// <param name="inputs">K, a multiple of 8.</param>
    /// <param name="outputs">N.</param>
    /// <exception cref="ArgumentException">A length or an alignment does not fit.</exception>
    public static CudaLinear Of(DeviceSpan<Bfloat16> weight, DeviceSpan<float> bias, int inputs, int outputs) =>
        new(weight.Address, weight.Length, bias, inputs, outputs, GemmInput.Bfloat16);

    /// <summary>In binary16; as with bfloat16.</summary>
    public static CudaLinear Of(DeviceSpan<Half> weight, DeviceSpan<float> bias, int inputs, int outputs) =>
        new(weight.Address, weight.Length, bias, inputs, outputs, GemmInput.Half);

    /// <summary>In float32; inputs is a multiple of 4.</summary>
    public static CudaLinear Of(DeviceSpan<float> weight, DeviceSpan<float> bias, int inputs, int outputs) =>
        new(weight.Address, weight.Length, bias, inputs, outputs, GemmInput.Float32);

    /// <summary>In e4m3; inputs is a multiple of 16, and row n of W is <paramref name="scales"/>[n] times what is stored.</summary>
    public static CudaLinear Of(DeviceSpan<Float8> weight, DeviceSpan<float> scales, DeviceSpan<float> bias, int inputs, int outputs)
    {
        if (scales.Length != outputs) throw new ArgumentException($"scales must hold one number for each of {outputs} outputs, they hold {scales.Length}.", nameof(scales));
        return new(weight.Address, weight.Length, bias, inputs, outputs, GemmInput.Float8) { Scales = scales };
    }
}
