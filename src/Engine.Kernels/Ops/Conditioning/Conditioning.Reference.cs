namespace Engine.Kernels.Ops.Conditioning;

/// <summary>
/// What a DiT's projection to shifts, scales and gates is given (adaLN, arXiv 2212.09748): the SiLU of the embedded diffusion time plus the embedded action.
/// </summary>
public static partial class Conditioning
{
    /// <summary>The plainest loop; the weight is [actions, dim].</summary>
    internal static void Reference(
        ReadOnlySpan<float> time, ReadOnlySpan<int> times, ReadOnlySpan<float> actions, int rows, int rowsPerAction, ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, Span<float> y)
    {
        int dim = bias.Length, width = weight.Length / dim;
        for (int row = 0; row < rows; row++)
        {
            for (int i = 0; i < dim; i++)
            {
                double sum = time[times[row] * dim + i] + bias[i];
                for (int a = 0; a < width; a++) sum += (double)weight[a * dim + i] * actions[row / rowsPerAction * width + a];
                y[row * dim + i] = (float)(sum / (1 + Math.Exp(-sum)));
            }
        }
    }
}
