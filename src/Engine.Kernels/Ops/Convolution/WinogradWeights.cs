using Engine.Kernels.Ops.Gemm;

namespace Engine.Kernels.Ops.Convolution;

/// <summary>Weights of 3 × 3 as minimal filtering wants them: G·w·Gᵀ, one matrix for each point.</summary>
internal static class WinogradWeights
{
    private static readonly double[,] s_two = { { 1, 0, 0 }, { 0.5, 0.5, 0.5 }, { 0.5, -0.5, 0.5 }, { 0, 0, 1 } };

    private static readonly double[,] s_four = Four(WinogradTile4.Near, WinogradTile4.Far);

    /// <summary>Transforms in double and packs, row by row of points. Outputs are filled up to whole registers.</summary>
    public static PackedLinear[] Transform(ReadOnlySpan<float> weight, int inputs, int outputs, int results)
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

                taps[row * points + column] = new PackedLinear(matrix, [], inputs, padded);
            }
        }

        return taps;
    }

    /// <summary>Rows for the points 0, ±a, ±b and ∞: 1, p, p² over the product of the distances from p to the other points.</summary>
    private static double[,] Four(double a, double b)
    {
        double zero = a * a * b * b, near = 2 * a * a * (a * a - b * b), far = 2 * b * b * (b * b - a * a);
        return new[,]
        {
            { 1 / zero, 0, 0 },
            { 1 / near, a / near, a * a / near },
            { 1 / near, -a / near, a * a / near },
            { 1 / far, b / far, b * b / far },
            { 1 / far, -b / far, b * b / far },
            { 0, 0, 1 },
        };
    }
}
