using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Conditioning;

/// <summary>On a device: Conditioning.cu.</summary>
public static partial class Conditioning
{
    private const int DeviceThreads = 128;

    /// <summary>y[r] = silu(time[times[r]] + action[r / rowsPerAction]·weight + bias).</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="time">Embedded diffusion times, [any, dim]; where dim is a multiple of 4, every span of floats must start at a multiple of 16 bytes.</param>
    /// <param name="times">[rows]: which of them; not checked.</param>
    /// <param name="actions">[rows / rowsPerAction rounded up, actionDim].</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="rowsPerAction">Consecutive rows that share an action: the sampler's levels.</param>
    /// <param name="actionDim">Numbers in an action.</param>
    /// <param name="weight">The action embedder's weight, transposed: [actionDim, dim].</param>
    /// <param name="bias">[dim].</param>
    /// <param name="dim">Width of a token.</param>
    /// <param name="y">[rows, dim], <see cref="Bfloat16"/> or float.</param>
    /// <exception cref="ArgumentException">A length or an alignment does not fit.</exception>
    public static void Embed<T>(
        CudaStream stream, DeviceSpan<float> time, DeviceSpan<int> times, DeviceSpan<float> actions, int rows, int rowsPerAction, int actionDim, DeviceSpan<float> weight,
        DeviceSpan<float> bias, int dim, DeviceSpan<T> y)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowsPerAction);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(actionDim);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dim);
        times.Require(rows, nameof(times), "rows");
        time.Require(dim, nameof(time), "at least one row of dim");
        actions.Require((long)((rows + rowsPerAction - 1) / rowsPerAction) * actionDim, nameof(actions), $"actions of {actionDim} for {rows} rows, {rowsPerAction} rows each");
        weight.Require((long)actionDim * dim, nameof(weight), $"actionDim × dim = {actionDim} × {dim}");
        bias.Require(dim, nameof(bias), "dim");
        y.Require((long)rows * dim, nameof(y), $"rows × dim = {rows} × {dim}");
        if (dim % 4 == 0)
        {
            DeviceElement.RequireAligned(time, nameof(time));
            DeviceElement.RequireAligned(weight, nameof(weight));
            DeviceElement.RequireAligned(bias, nameof(bias));
            DeviceElement.RequireAligned(y, nameof(y), typeof(T) == typeof(float) ? 16 : 8);
        }

        stream.Launch(
            Describe<T>(dim, actionDim), CudaGrid.Cover((long)rows * dim / (dim % 4 == 0 ? 4 : 1), DeviceThreads), time, times, actions, rows, rowsPerAction, weight, bias, y);
    }

    /// <summary>The kernel for a width and a number of numbers in an action: 48 registers, no shared memory.</summary>
    public static CudaKernel Describe<T>(int dim, int actionDim)
        where T : unmanaged => new()
        {
            Source = "Conditioning/Conditioning.cu",
            Function = "condition",
            Defines = [new("ENG_DIM", dim), new("ENG_ACTIONS", actionDim), new("ENG_OUTPUT", DeviceElement.Name<T>("y"))],
            ThreadsPerBlock = DeviceThreads,
            RegisterBudget = 48,
            SharedBudget = 0,
            Hot = true,
        };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape shape) => [Describe<Bfloat16>(shape.Dim, shape.ActionDim), Describe<float>(shape.Dim, shape.ActionDim)];
}
