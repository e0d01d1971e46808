using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Rotary;

/// <summary>On a device: Rotary.cu.</summary>
public static partial class Rotary
{
    private const int DeviceThreads = 256;

    /// <summary>Rotates queries and keys of packed rows in place.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="qkv">[rows, 3 · heads · HeadWidth]: queries, keys, values, <see cref="Bfloat16"/> or float; at a multiple of 16 bytes.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="table">Angles: of two axes for the tokens of a frame, of one for frames.</param>
    /// <param name="rowsPerPosition">Consecutive rows at one position: 1 for tokens, the tokens of a frame for frames.</param>
    /// <param name="firstPosition">Row r takes position (firstPosition + r / rowsPerPosition) mod Positions.</param>
    /// <exception cref="ArgumentException">A length or an alignment does not fit.</exception>
    public static void ApplyPacked<T>(
        CudaStream stream, DeviceSpan<T> qkv, int rows, int heads, DeviceRotaryTable table, int rowsPerPosition = 1, int firstPosition = 0)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowsPerPosition);
        ArgumentOutOfRangeException.ThrowIfNegative(firstPosition);
        int dim = heads * table.HeadWidth;
        qkv.Require((long)rows * 3 * dim, nameof(qkv), $"rows × 3 · heads · headWidth = {rows} × {3 * dim}");
        DeviceElement.RequireAligned(qkv, nameof(qkv));
        stream.Launch(
            Describe<T>(heads, table.HeadWidth), CudaGrid.Cover((long)rows * 2 * dim / 8, DeviceThreads), qkv, rows, table.Angles, table.Positions, rowsPerPosition, firstPosition);
    }

    /// <summary>The kernel for a number of heads and their width, a multiple of 8: 40 registers, no shared memory, no spills.</summary>
    public static CudaKernel Describe<T>(int heads, int headWidth)
        where T : unmanaged => new()
        {
            Source = "Rotary/Rotary.cu",
            Function = "rotary_packed",
            Defines = [new("ENG_HEADS", heads), new("ENG_HEAD_WIDTH", headWidth), new("ENG_NUMBER", DeviceElement.Name<T>("qkv"))],
            ThreadsPerBlock = DeviceThreads,
            RegisterBudget = 40,
            SharedBudget = 0,
            Hot = true,
        };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape shape) => [Describe<Bfloat16>(shape.Heads, shape.HeadWidth), Describe<float>(shape.Heads, shape.HeadWidth)];
}
