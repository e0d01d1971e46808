using Engine.Kernels.Interop;
using Engine.Kernels.Memory;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>
/// The weight and bias of a linear layer, y = x·Wᵀ + b, rearranged once so that the micro-kernels read it in order. Immutable and shared by threads.
/// Layout: panels of 48 outputs (the last one 16, 32 or 48 wide, padded with zeros); within a panel, for each input, its 48 weights together;
/// in bfloat16, for each pair of inputs, 48 words of two weights.
/// </summary>
public sealed class PackedLinear : IDisposable
{
    /// <summary>Outputs in a full panel: three 512-bit registers.</summary>
    public const int PanelWidth = 48;

    private readonly NativeBuffer<float> _weights;
    private readonly NativeBuffer<uint> _pairs;
    private readonly NativeBuffer<float> _bias;

    /// <summary>Packs a weight [<paramref name="outputs"/>, <paramref name="inputs"/>], row-major (the layout of a state dict), and a bias [outputs], or none.</summary>
    /// <param name="weight">[outputs, inputs].</param>
    /// <param name="bias">[outputs], or empty.</param>
    /// <param name="inputs">K.</param>
    /// <param name="outputs">N.</param>
    /// <param name="precision">What weights and inputs are rounded to before they are multiplied; sums stay float32.</param>
    /// <exception cref="ArgumentException">A length does not fit the shape.</exception>
    /// <exception cref="PlatformNotSupportedException">bfloat16 is asked for where <see cref="Gemm.HasBfloat16"/> is false.</exception>
    public PackedLinear(ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int inputs, int outputs, GemmPrecision precision = GemmPrecision.Float32)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        if (weight.Length != (long)inputs * outputs)
        {
            throw new ArgumentException($"weight must hold outputs × inputs = {outputs} × {inputs} numbers, it holds {weight.Length}.", nameof(weight));
        }

        if (bias.Length != 0 && bias.Length != outputs)
        {
            throw new ArgumentException($"bias must hold {outputs} numbers, or none; it holds {bias.Length}.", nameof(bias));
        }

        if (precision == GemmPrecision.Float8) throw new ArgumentException("float8 is of a GPU; on the processor take float32 or bfloat16.", nameof(precision));
        if (precision == GemmPrecision.BFloat16 && !Gemm.HasBfloat16)
            throw new PlatformNotSupportedException("bfloat16 needs a processor with AVX-512 BF16 and libeng_kernels.so (engine doctor says what is here); use float32.");
        Inputs = inputs;
        Outputs = outputs;
        Precision = precision;
        HasBias = bias.Length != 0;
        Panels = (outputs + PanelWidth - 1) / PanelWidth;
        int padded = (outputs + 15) / 16 * 16;
        bool half = precision == GemmPrecision.BFloat16;
        _weights = new NativeBuffer<float>(half ? 0 : checked(padded * inputs));
        _pairs = new NativeBuffer<uint>(half ? checked(padded * ((inputs + 1) / 2)) : 0);
        _bias = new NativeBuffer<float>(padded);
        bias.CopyTo(_bias.Span);
        if (half)
        {
            PackPairs(weight);
            return;
        }

        Span<float> packed = _weights.Span;
        for (int panel = 0; panel < Panels; panel++)
        {
            int first = panel * PanelWidth, width = WidthOf(panel);
            Span<float> target = packed.Slice(first * inputs, width * inputs);
            for (int column = 0; column < width && first + column < outputs; column++)
            {
                ReadOnlySpan<float> row = weight.Slice((first + column) * inputs, inputs);
                for (int i = 0; i < inputs; i++) target[i * width + column] = row[i];
            }
        }
    }

    /// <summary>K, the width of x.</summary>
    public int Inputs { get; }

    /// <summary>N, the width of y.</summary>
    public int Outputs { get; }

    /// <summary>Number of panels.</summary>
    public int Panels { get; }

    /// <summary>Whether a bias was given; without one it is zero.</summary>
    public bool HasBias { get; }

    /// <summary>Bytes held.</summary>
    public long Bytes => _weights.Bytes + _pairs.Bytes + _bias.Bytes;

    /// <summary>What weights and inputs are rounded to.</summary>
    public GemmPrecision Precision { get; }

    internal Span<float> Weights => _weights.Span;

    internal Span<uint> Pairs => _pairs.Span;

    internal Span<float> Bias => _bias.Span;

    /// <summary>Columns stored for a panel: 48, or for the last one what is left rounded up to 16.</summary>
    internal int WidthOf(int panel) => Math.Min(PanelWidth, (Outputs - panel * PanelWidth + 15) / 16 * 16);

    /// <summary>The weights as they were given, or as bfloat16 kept them: outputs <paramref name="first"/> … of a whole number of them, row-major.</summary>
    /// <param name="first">First output.</param>
    /// <param name="rows">Receives [n, Inputs]; its length says how many.</param>
    /// <exception cref="ArgumentException">The rows are no whole number, or not all within the weight.</exception>
    public void CopyRows(int first, Span<float> rows)
    {
        int count = rows.Length / Inputs;
        if (rows.Length % Inputs != 0 || first < 0 || first > Outputs - count)
            throw new ArgumentException($"rows must hold a whole number of rows of {Inputs} within 0…{Outputs} from {first} on, it holds {rows.Length} numbers.", nameof(rows));
        bool half = Precision == GemmPrecision.BFloat16;
        int stored = half ? (Inputs + 1) / 2 : Inputs;
        for (int row = 0; row < count; row++)
        {
            int panel = (first + row) / PanelWidth, column = (first + row) % PanelWidth, width = WidthOf(panel), at = panel * PanelWidth * stored + column;
            Span<float> target = rows.Slice(row * Inputs, Inputs);
            for (int i = 0; i < target.Length; i++)
            {
                if (!half) target[i] = _weights.Span[at + i * width];
                else target[i] = BitConverter.UInt32BitsToSingle(i % 2 == 0 ? _pairs.Span[at + i / 2 * width] << 16 : _pairs.Span[at + i / 2 * width] & 0xFFFF0000);
            }
        }
    }

    /// <summary>The bias, [Outputs]; zeros where none was given.</summary>
    public ReadOnlySpan<float> BiasValues => _bias.Slice(0, Outputs);

    /// <summary>Frees the memory; no thread may be using it.</summary>
    public void Dispose()
    {
        _weights.Dispose();
        _pairs.Dispose();
        _bias.Dispose();
    }

    private unsafe void PackPairs(ReadOnlySpan<float> weight)
    {
        int pairs = (Inputs + 1) / 2;
        var rounded = new uint[Outputs * pairs];
        fixed (float* from = weight)
        fixed (uint* to = rounded) KernelsNative.eng_bf16_round(from, Outputs, Inputs, to);
        for (int panel = 0; panel < Panels; panel++)
        {
            int first = panel * PanelWidth, width = WidthOf(panel);
            Span<uint> target = _pairs.Span.Slice(first * pairs, width * pairs);
            for (int column = 0; column < width && first + column < Outputs; column++)
            {
                ReadOnlySpan<uint> row = rounded.AsSpan((first + column) * pairs, pairs);
                for (int i = 0; i < pairs; i++) target[i * width + column] = row[i];
            }
        }
    }
}
