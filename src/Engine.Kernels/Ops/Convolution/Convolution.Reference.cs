using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Gemm;

namespace Engine.Kernels.Ops.Convolution;

public static partial class Convolution
{
    private static void RunReference(
        ReadOnlySpan<float> x, int height, int width, PackedConvolution packed, Span<float> y, ActivationFunction activation, bool add, int firstRow, int lastRow)
    {
        int columns = packed.OutputSize(width);
        var patch = new float[packed.Kernel * packed.Kernel * packed.Inputs];
        for (int row = firstRow; row < lastRow; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                int at = 0;
                for (int i = 0; i < packed.Kernel; i++)
                {
                    for (int j = 0; j < packed.Kernel; j++)
                    {
                        int r = row * packed.Stride - packed.Padding + i, c = column * packed.Stride - packed.Padding + j;
                        bool inside = r >= 0 && r < height && c >= 0 && c < width;
                        for (int channel = 0; channel < packed.Inputs; channel++) patch[at++] = inside ? x[(r * width + c) * packed.Inputs + channel] : 0f;
                    }
                }

                for (int output = 0; output < packed.Outputs; output++)
                {
                    int panel = output / PackedLinear.PanelWidth, begin = panel * PackedLinear.PanelWidth, panelWidth = packed.Linear.WidthOf(panel);
                    ReadOnlySpan<float> weights = packed.Linear.Weights[(begin * patch.Length + output - begin)..];
                    ref float value = ref y[(row * columns + column) * packed.Outputs + output];
                    float sum = packed.Linear.Bias[output];
                    for (int i = 0; i < patch.Length; i++) sum = MathF.FusedMultiplyAdd(patch[i], weights[i * panelWidth], sum);
                    value = add ? value + sum : Activation.Activation.Reference(activation, sum);
                }
            }
        }
    }
}
