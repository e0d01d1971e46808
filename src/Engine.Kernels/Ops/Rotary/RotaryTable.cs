namespace Engine.Kernels.Ops.Rotary;

/// <summary>
/// Cosines and sines of a rotary embedding, precomputed for every position and laid out for interleaved pairs:
/// numbers 2j and 2j + 1 of a row share frequency j. The axes follow one another, each with HeadWidth / (2 · axes) frequencies.
/// </summary>
public sealed class RotaryTable
{
    private readonly float[] _cosines, _sines;

    private RotaryTable(int positions, int headWidth)
    {
        Positions = positions;
        HeadWidth = headWidth;
        _cosines = new float[positions * headWidth];
        _sines = new float[positions * headWidth];
    }

    /// <summary>Number of positions (rows); for two axes row-major.</summary>
    public int Positions { get; }

    /// <summary>Width of a head.</summary>
    public int HeadWidth { get; }

    /// <summary>[Positions, HeadWidth]: cos of the pair's angle, twice.</summary>
    public ReadOnlySpan<float> Cosines => _cosines;

    /// <summary>[Positions, HeadWidth]: −sin, +sin of the pair's angle, so that y = x·cos + swapped(x)·sin.</summary>
    public ReadOnlySpan<float> Sines => _sines;

    /// <summary>The table of one axis of <paramref name="length"/> positions, or of two (<paramref name="length"/> rows by <paramref name="columns"/> columns).</summary>
    /// <param name="frequencies">Which angles.</param>
    /// <param name="headWidth">Width of a head; a multiple of 2 · axes.</param>
    /// <param name="length">Positions on the first axis.</param>
    /// <param name="columns">Positions on the second axis, or 0 for one axis.</param>
    /// <exception cref="ArgumentException">headWidth does not fit the axes.</exception>
    public static RotaryTable Create(RotaryFrequencies frequencies, int headWidth, int length, int columns = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        int axes = columns == 0 ? 1 : 2;
        if (headWidth <= 0 || headWidth % (2 * axes) != 0)
        {
            throw new ArgumentException($"headWidth must be a positive multiple of {2 * axes} for {axes} axes, it is {headWidth}; choose dim and heads accordingly.", nameof(headWidth));
        }

        int half = headWidth / axes / 2, inner = Math.Max(columns, 1);
        var table = new RotaryTable(length * inner, headWidth);
        for (int position = 0; position < table.Positions; position++)
        {
            for (int axis = 0; axis < axes; axis++)
            {
                int index = axis == 0 ? position / inner : position % inner, count = axis == 0 ? length : inner;
                for (int i = 0; i < half; i++)
                {
                    float angle = Coordinate(frequencies, index, count) * Frequency(frequencies, i, half);
                    int at = position * headWidth + 2 * (axis * half + i);
                    table._cosines[at] = table._cosines[at + 1] = (float)Math.Cos(angle);
                    table._sines[at + 1] = (float)Math.Sin(angle);
                    table._sines[at] = -table._sines[at + 1];
                }
            }
        }

        return table;
    }

    // The original holds frequencies and angles in float32; at angles of several hundred the last bit shows, so it is kept.
    private static float Frequency(RotaryFrequencies frequencies, int index, int half) => frequencies == RotaryFrequencies.Standard
        ? (float)Math.Pow(10000, -(double)index / half)
        : (float)(half == 1 ? 1 : 1 + 127.0 * index / (half - 1)) * MathF.PI;

    private static float Coordinate(RotaryFrequencies frequencies, int index, int count) => frequencies == RotaryFrequencies.Standard
        ? index
        : (float)(count == 1 ? -1 : -1 + 2.0 * index / (count - 1));
}
