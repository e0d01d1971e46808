using Engine.Kernels.Ops.Gemm;

namespace Engine.Kernels.Ops.Convolution;

/// <summary>Weights of 3 × 3 as minimal filtering wants them: G·w·Gᵀ, one matrix for each point.</summary>
internal static class WinogradWeights
{
    private static readonly double[,] s_two = { { 1, 0, 0 }, { 0.5, 0.5, 0.5 }, { 0.5, -0.5, 0.5 }, { 0, 0, 1 } };

    private static readonly double[,] s_four =
    {
        { 1 / 4.0, 0, 0 },
        { -1 / 6.0, -1 / 6.0, -1 / 6.0 },
        { -1 / 6.0, 1 / 6.0, -1 / 6.0 },
        { 1 / 24.0, 1 / 12.0, 1 / 6.0 },
        { 1 / 24.0, -1 / 12.0, 1 / 6.0 },
        { 0, 0, 1 },
    };

    /// <summary>Transforms in double and packs, row by row of points. Outputs are filled up to whole registers.</summary>
    public static PackedLinear[] Transform(ReadOnlySpan<float> weight, ReadOnlySpan<float> bias, int inputs, int outputs, int results)
    {
        double[,] g = results == 2 ? s_two : s_four;
        int points = results + 2, padded = (outputs + 15) / 16 * 16;
        var taps = new PackedLinear[points * points];
        var matrix = new float[padded * inputs];
        for (int row = 0; row < points; row++)
        {
            for (int column = 0; column < points; column++)
            {
                for (int i = 0; i < outputs * inputs; i++)
                {
                    double sum = 0;
                    for (int r = 0; r < 3; r++)
                    {
                        for (int c = 0; c < 3; c++) sum += g[row, r] * weight[i * 9 + 3 * r + c] * g[column, c];
                    }

                    matrix[i] = (float)sum;
                }

                // The transform back adds point (1, 1) to every result once: the bias goes with it.
                float[] added = row == 1 && column == 1 && bias.Length > 0 ? [.. bias, .. new float[padded - outputs]] : [];
                taps[row * points + column] = new PackedLinear(matrix, added, inputs, padded);
            }
        }

        return taps;
    }
}
