namespace Engine.Runtime.WorldModel.Cuda;

/// <summary>
/// The sizes of batches that graphs are recorded for: up to 8 every number, then in steps of a quarter of the power of two below, so that a dream of hundreds
/// of environments needs some twenty graphs and computes at most a quarter too much. What fills a batch up is its last frame again, with the same result.
/// </summary>
public static class CudaBatch
{
    /// <summary>The size for <paramref name="count"/> frames, when at most <paramref name="capacity"/> can be together.</summary>
    public static int SizeFor(int count, int capacity)
    {
        if (count <= 8) return count;
        int step = Math.Max(4, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)count) / 8);
        return Math.Min(capacity, (count + step - 1) / step * step);
    }

    /// <summary>All sizes up to a capacity.</summary>
    public static IEnumerable<int> Sizes(int capacity)
    {
        for (int count = 1; count <= capacity; count = SizeFor(count, capacity) + 1) yield return SizeFor(count, capacity);
    }
}
