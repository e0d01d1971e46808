using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Rotary;

namespace Engine.Kernels.Ops.TemporalAttention;

/// <summary>
/// On a device: TemporalAttention.cu, for frames of any number of environments in one launch. Queries, keys, values and results are <see cref="Bfloat16"/>, or float, which is slower and tells its rounding from a fault; sums are float32. Frames of one
/// environment are first all appended and then attended; where every frame is of another environment, one launch does both.
/// </summary>
public static partial class TemporalAttention
{
    private const int DeviceThreads = 128;

    /// <summary>Stores the frames' keys, rotated to their positions, and values in their own slots.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="shape">What the kernel is specialised to.</param>
    /// <param name="qkv">[frames, Tokens, 3 · Dim]: queries, keys, values; every span starts at a multiple of 16 bytes.</param>
    /// <param name="descriptions">[frames, DescriptionLength], written by <see cref="TemporalAttentionShape.Describe"/>; what stands there is not checked.</param>
    /// <param name="frames">Number of frames.</param>
    /// <param name="table">Rotary angles by position in time.</param>
    /// <param name="keys">Caches, each of <see cref="TemporalAttentionShape.CacheLength"/>.</param>
    /// <param name="values">Likewise.</param>
    /// <exception cref="ArgumentException">A length or an alignment does not fit.</exception>
    public static void Append<T>(
        CudaStream stream, TemporalAttentionShape shape, DeviceSpan<T> qkv, DeviceSpan<int> descriptions, int frames, DeviceRotaryTable table,
        DeviceSpan<T> keys, DeviceSpan<T> values)
        where T : unmanaged
    {
        Check(shape, qkv, descriptions, frames, table, keys, values);
        stream.Launch(Describe<T>(shape, "temporal_append"), Grid(shape, frames), qkv, descriptions, frames * shape.Tokens, table.Angles, keys, values);
    }

    /// <summary>softmax(rotate(q)·keysᵀ / √HeadWidth)·values over each frame's slots, its own included, which must have been appended.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="shape">What the kernel is specialised to.</param>
    /// <param name="qkv">[frames, Tokens, 3 · Dim]; only the queries are read.</param>
    /// <param name="descriptions">[frames, DescriptionLength].</param>
    /// <param name="frames">Number of frames.</param>
    /// <param name="table">Rotary angles by position in time.</param>
    /// <param name="keys">Caches.</param>
    /// <param name="values">Caches.</param>
    /// <param name="output">[frames, Tokens, Dim].</param>
    /// <exception cref="ArgumentException">A length or an alignment does not fit.</exception>
    public static void Attend<T>(
        CudaStream stream, TemporalAttentionShape shape, DeviceSpan<T> qkv, DeviceSpan<int> descriptions, int frames, DeviceRotaryTable table,
        DeviceSpan<T> keys, DeviceSpan<T> values, DeviceSpan<T> output)
        where T : unmanaged =>
        Attend("temporal_attend", stream, shape, qkv, descriptions, frames, table, keys, values, output);

    /// <summary>Both at once, bit for bit the same; no two frames may be of one environment.</summary>
    /// <inheritdoc cref="Attend{T}(CudaStream, TemporalAttentionShape, DeviceSpan{T}, DeviceSpan{int}, int, DeviceRotaryTable, DeviceSpan{T}, DeviceSpan{T}, DeviceSpan{T})"/>
    public static void AppendAndAttend<T>(
        CudaStream stream, TemporalAttentionShape shape, DeviceSpan<T> qkv, DeviceSpan<int> descriptions, int frames, DeviceRotaryTable table,
        DeviceSpan<T> keys, DeviceSpan<T> values, DeviceSpan<T> output)
        where T : unmanaged =>
        Attend("temporal_append_attend", stream, shape, qkv, descriptions, frames, table, keys, values, output);

    /// <summary>A kernel for a shape: 128 registers at most, no shared memory, no spills.</summary>
    /// <param name="shape">What it is specialised to.</param>
    /// <param name="function">temporal_append, temporal_attend or temporal_append_attend.</param>
    public static CudaKernel Describe<T>(TemporalAttentionShape shape, string function)
        where T : unmanaged => new()
        {
            Source = "TemporalAttention/TemporalAttention.cu",
            Function = function,
            Defines = [.. shape.Defines, new("ENG_NUMBER", DeviceElement.Name<T>("qkv"))],
            ThreadsPerBlock = DeviceThreads,
            RegisterBudget = function == "temporal_append" ? 40 : 128,
            SharedBudget = 0,
            Hot = true,
        };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape shape)
    {
        var own = new TemporalAttentionShape(shape.Tokens, shape.Heads, shape.HeadWidth, shape.Window);
        return new[] { "temporal_append", "temporal_attend", "temporal_append_attend" }.SelectMany(function => new[] { Describe<Bfloat16>(own, function), Describe<float>(own, function) });
    }

    private static void Attend<T>(
        string function, CudaStream stream, TemporalAttentionShape shape, DeviceSpan<T> qkv, DeviceSpan<int> descriptions, int frames, DeviceRotaryTable table,
        DeviceSpan<T> keys, DeviceSpan<T> values, DeviceSpan<T> output)
        where T : unmanaged
    {
        Check(shape, qkv, descriptions, frames, table, keys, values);
        output.Require((long)frames * shape.Tokens * shape.Dim, nameof(output), $"frames × tokens × dim = {frames} × {shape.Tokens} × {shape.Dim}");
        DeviceElement.RequireAligned(output, nameof(output));
        // Scores are powers of two, so that the kernel's exponential is one instruction.
        float scale = 1.44269504f / MathF.Sqrt(shape.HeadWidth);
        stream.Launch(Describe<T>(shape, function), Grid(shape, frames), qkv, descriptions, frames * shape.Tokens, table.Angles, keys, values, output, scale);
    }

    private static CudaGrid Grid(TemporalAttentionShape shape, int frames)
    {
        int group = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)shape.HeadWidth / 8);
        return CudaGrid.Cover((long)frames * shape.Tokens * shape.Heads * group, DeviceThreads);
    }

    private static void Check<T>(
        TemporalAttentionShape shape, DeviceSpan<T> qkv, DeviceSpan<int> descriptions, int frames, DeviceRotaryTable table, DeviceSpan<T> keys, DeviceSpan<T> values)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(frames);
        if (table.HeadWidth != shape.HeadWidth) throw new ArgumentException($"table is for heads {table.HeadWidth} wide, they are {shape.HeadWidth}.", nameof(table));
        qkv.Require((long)frames * shape.Tokens * 3 * shape.Dim, nameof(qkv), $"frames × tokens × 3 · dim = {frames} × {shape.Tokens} × {3 * shape.Dim}");
        descriptions.Require((long)frames * shape.DescriptionLength, nameof(descriptions), $"frames × (3 + window) = {frames} × {shape.DescriptionLength}");
        if (keys.Length != values.Length || keys.Length % shape.CacheLength != 0 || keys.Length == 0)
            throw new ArgumentException($"keys and values must hold whole caches of {shape.CacheLength} numbers, equally many; they hold {keys.Length} and {values.Length}.", nameof(keys));
        DeviceElement.RequireAligned(qkv, nameof(qkv));
        DeviceElement.RequireAligned(keys, nameof(keys));
        DeviceElement.RequireAligned(values, nameof(values));
    }
}
