using System.Runtime.CompilerServices;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Activation;

namespace Engine.Kernels.Ops.Gemm;

/// <summary>Linear layers on a device: Gemm.cu, or cuBLASLt where a <see cref="GemmWorkspace"/> has it. Sums are float32 in the order of the tensor cores and of <see cref="GemmPlan.Splits"/>, the same at every call.</summary>
public static partial class Gemm
{
    /// <summary>The kernel's number of a gated residual, behind those of the activations.</summary>
    private const int GatedResidual = 3;

    /// <summary>y = f(x·Wᵀ + b).</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="x">[rows, Inputs], row-major without gaps, at a multiple of 16 bytes; stored as the weight is.</param>
    /// <param name="rows">M, zero or more.</param>
    /// <param name="linear">W and b.</param>
    /// <param name="y">[rows, Outputs]: float, <see cref="Bfloat16"/>, or <see cref="Float8"/> where x is.</param>
    /// <param name="workspace">For products that are split; must hold what <see cref="Plan"/> says.</param>
    /// <param name="activation">f: none, <see cref="ActivationFunction.GeluTanh"/> or <see cref="ActivationFunction.Silu"/>.</param>
    /// <param name="scales">Of rows in e4m3.</param>
    /// <exception cref="ArgumentException">A length, a type or an alignment does not fit.</exception>
    public static void Multiply<TInput, TOutput>(
        CudaStream stream, DeviceSpan<TInput> x, int rows, CudaLinear linear, DeviceSpan<TOutput> y, GemmWorkspace workspace, ActivationFunction activation = ActivationFunction.None,
        GemmScales scales = default)
        where TInput : unmanaged
        where TOutput : unmanaged =>
        Multiply(Plan(stream, rows, linear), stream, x, rows, linear, y, workspace, activation, scales);

    /// <summary>y += gate ⊙ (x·Wᵀ + b): the end of a gated residual branch.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="x">[rows, Inputs].</param>
    /// <param name="rows">M.</param>
    /// <param name="linear">W and b.</param>
    /// <param name="gates">One gate vector per group of rows: group g's stands at g · <paramref name="gateStride"/>, Outputs long.</param>
    /// <param name="gateStride">Distance between gate vectors.</param>
    /// <param name="rowsPerGate">Consecutive rows that share a gate.</param>
    /// <param name="firstRow">Number of the first row given here; row r belongs to group (firstRow + r) / rowsPerGate.</param>
    /// <param name="y">[rows, Outputs], read and written.</param>
    /// <param name="workspace">For products that are split.</param>
    /// <param name="scales">Of rows in e4m3.</param>
    public static void MultiplyGated<TInput>(
        CudaStream stream, DeviceSpan<TInput> x, int rows, CudaLinear linear, DeviceSpan<float> gates, int gateStride, int rowsPerGate, int firstRow, DeviceSpan<float> y, GemmWorkspace workspace,
        GemmScales scales = default)
        where TInput : unmanaged =>
        MultiplyGated(Plan(stream, rows, linear), stream, x, rows, linear, gates, gateStride, rowsPerGate, firstRow, y, workspace, scales);

    /// <summary>How a product is shared out on a stream's device.</summary>
    public static GemmPlan Plan(CudaStream stream, int rows, CudaLinear linear) =>
        GemmPlan.For(
            rows, linear.Outputs, linear.Inputs * linear.ElementBytes, stream.Context.Device.Multiprocessors,
            GemmTile.For(stream.Context.Device, linear.Input, stream.Context.Features.Warpgroups ? linear.Warpgroups : false), linear.Splits);

    /// <summary>
    /// The kernel of a tile, of what the factors are stored as, of what is fused behind it (an <see cref="ActivationFunction"/>, or null for the gated residual) and of whether results
    /// are bfloat16; or e4m3. 254 registers at most, 64 to 96 KiB of shared memory (193 KiB with warp groups), no spills.
    /// </summary>
    public static CudaKernel Describe(GemmTile tile, GemmInput input, ActivationFunction? activation, bool bfloat16, bool float8 = false) => new()
    {
        Source = "Gemm/Gemm.cu",
        Function = "gemm",
        Defines =
        [
            .. tile.Defines, new("ENG_INPUT", (int)input), new("ENG_OUTPUT", float8 ? 2 : bfloat16 ? 1 : 0),
            new("ENG_EPILOGUE", activation switch
            {
                null => GatedResidual,
                ActivationFunction.None => 0,
                ActivationFunction.GeluTanh => 1,
                ActivationFunction.Silu => 2,
                _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "Only GELU and SiLU can be fused behind a product on the device."),
            }),
        ],
        ThreadsPerBlock = tile.Threads,
        DynamicSharedBytes = tile.SharedBytes,
        RegisterBudget = tile.RegisterBudget,
        SharedBudget = tile.SharedBytes,
        Hot = true,
        Overlaps = true,
        Architectures = input == GemmInput.Float8 ? [.. tile.Architectures.Intersect(Float8.Architectures)] : tile.Architectures,
    };

    /// <summary>Every tile, as the number of environments decides which is taken: queries, keys and values; embeddings; the branches' ends; the MLPs.</summary>
    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape _) => GemmTile.AllOfHopper.SelectMany(tile => new[]
    {
        Describe(tile, GemmInput.Bfloat16, ActivationFunction.None, bfloat16: true),
        Describe(tile, GemmInput.Bfloat16, ActivationFunction.None, bfloat16: false),
        Describe(tile, GemmInput.Bfloat16, ActivationFunction.GeluTanh, bfloat16: true),
        Describe(tile, GemmInput.Bfloat16, null, bfloat16: false),
        Describe(tile, GemmInput.Float8, ActivationFunction.None, bfloat16: true),
        Describe(tile, GemmInput.Float8, ActivationFunction.GeluTanh, bfloat16: false, float8: true),
        Describe(tile, GemmInput.Float8, null, bfloat16: false),
    }).Concat(
    [
        Describe(GemmTile.Small, GemmInput.Float32, ActivationFunction.None, bfloat16: false),
        Describe(GemmTile.Small, GemmInput.Float32, ActivationFunction.GeluTanh, bfloat16: false),
        Describe(GemmTile.Small, GemmInput.Float32, null, bfloat16: false),
    ]);

    internal static void Multiply<TInput, TOutput>(
        GemmPlan plan, CudaStream stream, DeviceSpan<TInput> x, int rows, CudaLinear linear, DeviceSpan<TOutput> y, GemmWorkspace workspace, ActivationFunction activation,
        GemmScales scales = default)
        where TInput : unmanaged
        where TOutput : unmanaged
    {
        bool float8 = typeof(TOutput) == typeof(Float8);
        if (typeof(TOutput) != typeof(float) && typeof(TOutput) != typeof(Bfloat16) && !float8)
            throw new ArgumentException($"y must be float, Bfloat16 or Float8, it is {typeof(TOutput).Name}.", nameof(y));
        Check(plan, x, rows, linear, y, workspace, scales);
        if (float8) scales.Y.Require(rows, nameof(scales), "one for each row of y in e4m3");
        // The library writes float32 or bfloat16 only.
        if (!float8 && workspace.Library?.TryMultiply(stream, x.Address, rows, linear, y.Address, typeof(TOutput) == typeof(Bfloat16), activation) == true) return;
        CudaKernel kernel = Describe(plan.Tile, linear.Input, activation, typeof(TOutput) == typeof(Bfloat16), float8);
        Launch(kernel, plan, stream, x.Address, rows, linear, y.Address, workspace, default, 0, 1, 0, scales);
    }

    internal static void MultiplyGated<TInput>(
        GemmPlan plan, CudaStream stream, DeviceSpan<TInput> x, int rows, CudaLinear linear, DeviceSpan<float> gates, int gateStride, int rowsPerGate, int firstRow,
        DeviceSpan<float> y, GemmWorkspace workspace, GemmScales scales = default)
        where TInput : unmanaged
    {
        Check(plan, x, rows, linear, y, workspace, scales);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rowsPerGate);
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegative(gateStride);
        if (rows == 0) return;
        gates.Require((long)((firstRow + rows - 1) / rowsPerGate) * gateStride + linear.Outputs, nameof(gates), $"rows {firstRow}…{firstRow + rows - 1} at {rowsPerGate} rows a gate");
        Launch(Describe(plan.Tile, linear.Input, null, bfloat16: false), plan, stream, x.Address, rows, linear, y.Address, workspace, gates, gateStride, rowsPerGate, firstRow, scales);
    }

    private static void Launch(
        CudaKernel kernel, GemmPlan plan, CudaStream stream, ulong x, int rows, CudaLinear linear, ulong y, GemmWorkspace workspace, DeviceSpan<float> gates, int gateStride, int rowsPerGate, int firstRow,
        GemmScales scales)
    {
        int rowBytes = linear.Inputs * linear.ElementBytes;
        stream.Launch(
            kernel, plan.Grid, CudaArgument.Pointer(x), CudaArgument.Pointer(linear.Weight), linear.Bias, CudaArgument.Pointer(y), gates, workspace.Parts, workspace.Arrivals,
            rows, linear.Outputs, rowBytes, rowBytes, rowBytes, linear.Outputs, gateStride, rowsPerGate, firstRow, scales.X, linear.Scales, scales.Y);
    }

    private static void Check<TInput, TOutput>(GemmPlan plan, DeviceSpan<TInput> x, int rows, CudaLinear linear, DeviceSpan<TOutput> y, GemmWorkspace workspace, GemmScales scales)
        where TInput : unmanaged
        where TOutput : unmanaged
    {
        Type stored = linear.Input switch { GemmInput.Bfloat16 => typeof(Bfloat16), GemmInput.Half => typeof(Half), GemmInput.Float8 => typeof(Float8), _ => typeof(float) };
        if (typeof(TInput) != stored) throw new ArgumentException($"x must be {stored.Name}, as the weight is, it is {typeof(TInput).Name}.", nameof(x));
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        x.Require((long)rows * linear.Inputs, nameof(x), $"rows × inputs = {rows} × {linear.Inputs}");
        y.Require((long)rows * linear.Outputs, nameof(y), $"rows × outputs = {rows} × {linear.Outputs}");
        if (linear.Input == GemmInput.Float8) scales.X.Require(rows, nameof(scales), "one for each row of x in e4m3");
        workspace.Require(plan);
        if (x.Address % 16 != 0 || y.Address % (ulong)(2 * Unsafe.SizeOf<TOutput>()) != 0)
            throw new ArgumentException($"x must start at a multiple of 16 bytes and y at one of {2 * Unsafe.SizeOf<TOutput>()}, they start at 0x{x.Address:x} and 0x{y.Address:x}.", nameof(x));
    }
}
