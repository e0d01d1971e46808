using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.SpatialAttention;

/// <summary>On a device: SpatialAttention.cu. Rotary embedding is applied before, where queries, keys and values are written.</summary>
public static partial class SpatialAttention
{
    /// <summary>Keys and values of a slice.</summary>
    private const int SliceKeys = 64;

    /// <summary>Threads of the kernel in float32.</summary>
    private const int Float32Threads = 128;

    /// <summary>softmax(q·kᵀ / √headWidth)·v in every frame, bfloat16 with float32 sums.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="qkv">[frames, tokens, 3 · heads · headWidth]: rotated queries, rotated keys, values, each split into heads; at a multiple of 16 bytes.</param>
    /// <param name="frames">0 … 65535.</param>
    /// <param name="tokens">Tokens in a frame.</param>
    /// <param name="heads">1 … 65535.</param>
    /// <param name="headWidth">A multiple of 16, up to 128.</param>
    /// <param name="output">[frames, tokens, heads · headWidth], at a multiple of 16 bytes.</param>
    /// <exception cref="ArgumentException">A length, a shape or an alignment does not fit.</exception>
    public static void Apply(CudaStream stream, DeviceSpan<Bfloat16> qkv, int frames, int tokens, int heads, int headWidth, DeviceSpan<Bfloat16> output) =>
        Apply(SpatialAttentionPlan.For(frames, tokens, heads, headWidth, stream.Context.Device.Multiprocessors), stream, qkv, frames, tokens, heads, headWidth, output);

    /// <summary>The kernel of a plan: 254 registers at most, 96 KiB of shared memory at most (heads up to 64 wide: 48 KiB), no spills.</summary>
    public static CudaKernel Describe(SpatialAttentionPlan plan, int headWidth)
    {
        int rowBytes = headWidth <= 32 ? 64 : headWidth <= 64 ? 128 : 256, threads = 32 * plan.Warps;
        int shared = (plan.Queries + 4 * SliceKeys) * rowBytes;
        return new CudaKernel
        {
            Source = "SpatialAttention/SpatialAttention.cu",
            Function = "spatial_attention",
            Defines =
            [
                new("ENG_HEAD_WIDTH", headWidth), new("ENG_WARPS", plan.Warps), new("ENG_ROW_BLOCKS", plan.RowBlocks), new("ENG_BLOCKS_PER_SM", plan.BlocksPerMultiprocessor),
            ],
            ThreadsPerBlock = threads,
            DynamicSharedBytes = shared,
            RegisterBudget = Math.Min(255, 65536 / (threads * plan.BlocksPerMultiprocessor) / 8 * 8),
            SharedBudget = shared,
            Hot = true,
            Overlaps = true,
        };
    }

    /// <summary>The same in float32 throughout, slowly: what bfloat16 is held against.</summary>
    /// <inheritdoc cref="Apply(CudaStream, DeviceSpan{Bfloat16}, int, int, int, int, DeviceSpan{Bfloat16})"/>
    public static void Apply(CudaStream stream, DeviceSpan<float> qkv, int frames, int tokens, int heads, int headWidth, DeviceSpan<float> output)
    {
        Check(qkv, frames, tokens, heads, headWidth, output);
        int lanes = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)headWidth / 8);
        stream.Launch(
            DescribeFloat32(heads, headWidth), CudaGrid.Cover((long)frames * tokens * heads * lanes, Float32Threads), qkv, output, frames * tokens, tokens, 1.44269504f / MathF.Sqrt(headWidth));
    }

    /// <summary>The kernel in float32: 96 registers, no shared memory, no spills.</summary>
    public static CudaKernel DescribeFloat32(int heads, int headWidth) => new()
    {
        Source = "SpatialAttention/SpatialAttentionFloat32.cu",
        Function = "spatial_attention_float32",
        Defines = [new("ENG_HEADS", heads), new("ENG_HEAD_WIDTH", headWidth)],
        ThreadsPerBlock = Float32Threads,
        RegisterBudget = 96,
        SharedBudget = 0,
        Hot = true,
    };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape shape) =>
        SpatialAttentionPlan.All(1, shape.Tokens, shape.Heads, shape.HeadWidth).Where((plan, index) => plan.Queries <= shape.Tokens || index == 2).Select(plan => Describe(plan, shape.HeadWidth)).Append(DescribeFloat32(shape.Heads, shape.HeadWidth));

    internal static void Apply(
        SpatialAttentionPlan plan, CudaStream stream, DeviceSpan<Bfloat16> qkv, int frames, int tokens, int heads, int headWidth, DeviceSpan<Bfloat16> output)
    {
        Check(qkv, frames, tokens, heads, headWidth, output);
        int dim = heads * headWidth;
        const ulong size = sizeof(ushort);
        stream.Launch(
            Describe(plan, headWidth), plan.Grid, qkv, CudaArgument.Pointer(qkv.Address + (ulong)dim * size), CudaArgument.Pointer(qkv.Address + 2 * (ulong)dim * size), output,
            tokens, 3 * dim, dim, 1.44269504f / MathF.Sqrt(headWidth));
    }

    private static void Check<T>(DeviceSpan<T> qkv, int frames, int tokens, int heads, int headWidth, DeviceSpan<T> output)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(frames);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(frames, ushort.MaxValue);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokens);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(heads, ushort.MaxValue);
        if (headWidth is < 16 or > 128 || headWidth % 16 != 0)
            throw new ArgumentOutOfRangeException(nameof(headWidth), headWidth, "On the device a head must be 16, 32, … 128 numbers wide.");
        int dim = heads * headWidth;
        qkv.Require((long)frames * tokens * 3 * dim, nameof(qkv), $"frames × tokens × 3 · heads · headWidth = {frames} × {tokens} × {3 * dim}");
        output.Require((long)frames * tokens * dim, nameof(output), $"frames × tokens × heads · headWidth = {frames} × {tokens} × {dim}");
        if (qkv.Address % 16 != 0 || output.Address % 16 != 0)
            throw new ArgumentException($"qkv and output must start at multiples of 16 bytes, they start at 0x{qkv.Address:x} and 0x{output.Address:x}.", nameof(qkv));
    }
}
