using Engine.Training.Torch;

namespace Engine.Training.Models;

/// <summary>
/// Rotary position embedding (Su et al., arXiv 2104.09864) as two tables [positions, head_dim] for the form
/// <c>x·cos + swap(x)·sin</c>, where swap exchanges the two numbers of each neighbouring pair and the sine table carries the sign.
/// </summary>
public static class RotaryTable
{
    /// <summary>One axis: <paramref name="positions"/>, frequencies 10000^(−i/half), half = head_dim/2.</summary>
    public static Tensor Temporal(int[] positions, int headDim, bool sin)
    {
        int half = headDim / 2;
        var values = new float[positions.Length * headDim];
        for (int p = 0; p < positions.Length; p++)
        {
            for (int i = 0; i < half; i++)
                Fill(values, p * headDim + 2 * i, positions[p] * MathF.Pow(10000f, -i / (float)half), sin);
        }

        return Tensor.FromSpan(values, positions.Length, headDim);
    }

    /// <summary>Two axes, rows then columns; the head's width is split between them.</summary>
    public static Tensor Spatial(int rows, int columns, int headDim, bool pixel, bool sin)
    {
        int half = headDim / 4;
        var values = new float[rows * columns * headDim];
        for (int p = 0; p < rows * columns; p++)
        {
            for (int axis = 0; axis < 2; axis++)
            {
                int index = axis == 0 ? p / columns : p % columns, count = axis == 0 ? rows : columns;
                for (int i = 0; i < half; i++)
                {
                    float frequency = pixel
                        ? (half == 1 ? 1f : 1f + 127f * i / (half - 1)) * MathF.PI
                        : MathF.Pow(10000f, -i / (float)half);
                    float position = pixel ? (count == 1 ? -1f : -1f + 2f * index / (count - 1)) : index;
                    Fill(values, p * headDim + 2 * (axis * half + i), position * frequency, sin);
                }
            }
        }

        return Tensor.FromSpan(values, rows * columns, headDim);
    }

    private static void Fill(float[] values, int at, float angle, bool sin)
    {
        if (sin)
        {
            values[at + 1] = MathF.Sin(angle);
            values[at] = -values[at + 1];
        }
        else
        {
            values[at] = values[at + 1] = MathF.Cos(angle);
        }
    }
}
