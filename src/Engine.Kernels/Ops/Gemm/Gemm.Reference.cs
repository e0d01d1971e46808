using Engine.Kernels.Ops.Activation;

namespace Engine.Kernels.Ops.Gemm;

public static partial class Gemm
{
    private static void MultiplyReference(
        ReadOnlySpan<float> x, int rows, PackedLinear linear, Span<float> y, ActivationFunction activation, int firstPanel, int lastPanel)
    {
        int last = Math.Min(lastPanel * PackedLinear.PanelWidth, linear.Outputs);
        for (int row = 0; row < rows; row++)
        {
            for (int column = firstPanel * PackedLinear.PanelWidth; column < last; column++)
            {
                y[row * linear.Outputs + column] = Activation.Activation.Reference(activation, Dot(x, row, linear, column));
            }
        }
    }

    private static void MultiplyGatedReference(
        ReadOnlySpan<float> x, int rows, PackedLinear linear, ReadOnlySpan<float> gates, int gateStride, int rowsPerGate, int firstRow, Span<float> y)
    {
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<float> gate = gates[((firstRow + row) / rowsPerGate * gateStride)..];
            for (int column = 0; column < linear.Outputs; column++)
            {
                ref float value = ref y[row * linear.Outputs + column];
                value = MathF.FusedMultiplyAdd(gate[column], Dot(x, row, linear, column), value);
            }
        }
    }

    private static float Dot(ReadOnlySpan<float> x, int row, PackedLinear linear, int column)
    {
        int panel = column / PackedLinear.PanelWidth, first = panel * PackedLinear.PanelWidth, width = linear.WidthOf(panel);
        ReadOnlySpan<float> weights = linear.Weights[(first * linear.Inputs + column - first)..];
        float sum = linear.Bias[column];
        for (int i = 0; i < linear.Inputs; i++) sum = MathF.FusedMultiplyAdd(x[row * linear.Inputs + i], weights[i * width], sum);
        return sum;
    }
}
