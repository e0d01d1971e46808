namespace Engine.Runtime.Contract;

/// <summary>
/// Statistics of one vector (action or state) over a data set. All arrays have the vector's width.
/// Normalisation is OpenVLA's: <c>2(x − q01)/(q99 − q01 + 1e-8) − 1</c>, clipped to [−1, 1], where <see cref="Mask"/> is true;
/// the other entries pass through unchanged.
/// </summary>
public sealed record NormalisationStatistics
{
    public required float[] Q01 { get; init; }
    public required float[] Q99 { get; init; }
    public required float[] Mean { get; init; }
    public required float[] Std { get; init; }
    public required bool[] Mask { get; init; }
    public int Width => Q01.Length;
}
