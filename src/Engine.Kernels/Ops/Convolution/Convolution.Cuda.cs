using System.Runtime.CompilerServices;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Ops.Activation;
using Engine.Kernels.Ops.Gemm;

namespace Engine.Kernels.Ops.Convolution;

/// <summary>On a device: Convolution.cu. Images in bfloat16, sums in float32 in the order of the tensor cores and of <see cref="GemmPlan.Splits"/>, the same at every call.</summary>
public static partial class Convolution
{
    /// <summary>Most rows or columns that an image may have: places in it are kept in 16 bits, seen at twice its size.</summary>
    private const int MostSide = 16383;

    /// <summary>The kernel's number of an addition to what the result holds, behind those of the activations.</summary>
    private const int Addition = 3;

    // One between them would be taken by few images only.
    private static readonly IReadOnlyList<GemmTile> s_tiles = [GemmTile.Large, GemmTile.Small], s_tilesOfHopper = [GemmTile.Warpgroup, GemmTile.Large, GemmTile.Small];

    /// <summary>y = f(conv(x) + b).</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="x">[images, height, width, Inputs], at a multiple of 16 bytes.</param>
    /// <param name="images">Images, zero or more.</param>
    /// <param name="height">Rows of an image, up to 16383.</param>
    /// <param name="width">Columns of an image, up to 16383.</param>
    /// <param name="convolution">Weight and b.</param>
    /// <param name="y">[images, OutputSize(height), OutputSize(width), Outputs]: float or <see cref="Bfloat16"/>; must not overlap x.</param>
    /// <param name="workspace">For products that are split; must hold what <see cref="Plan"/> says.</param>
    /// <param name="activation">f: none or <see cref="ActivationFunction.Silu"/>.</param>
    /// <exception cref="ArgumentException">A length, a type or an alignment does not fit, or a patch does not fit the image.</exception>
    public static void Apply<TOutput>(
        CudaStream stream, DeviceSpan<Bfloat16> x, int images, int height, int width, CudaConvolution convolution, DeviceSpan<TOutput> y, GemmWorkspace workspace,
        ActivationFunction activation = ActivationFunction.None)
        where TOutput : unmanaged =>
        Launch(Plan(stream, images, height, width, convolution), stream, x, images, height, width, convolution, y, workspace, activation);

    /// <summary>y += conv(x) + b: the end of a residual branch.</summary>
    /// <inheritdoc cref="Apply{TOutput}"/>
    public static void Add<TOutput>(
        CudaStream stream, DeviceSpan<Bfloat16> x, int images, int height, int width, CudaConvolution convolution, DeviceSpan<TOutput> y, GemmWorkspace workspace)
        where TOutput : unmanaged =>
        Launch(Plan(stream, images, height, width, convolution), stream, x, images, height, width, convolution, y, workspace, null);

    /// <summary>How a convolution is shared out on a stream's device.</summary>
    public static GemmPlan Plan(CudaStream stream, int images, int height, int width, CudaConvolution convolution) => GemmPlan.For(
        Pixels(images, height, width, convolution), convolution.Outputs, Numbers(convolution) * 2, stream.Context.Device.Multiprocessors,
        stream.Context.Features.Warpgroups ? s_tilesOfHopper : s_tiles);

    /// <summary>
    /// The kernel of a tile, of a patch's side, of whether the image is seen at twice its size, of what is fused behind it (an activation, or null for adding to what y holds) and of
    /// whether results are bfloat16. As many registers and as much shared memory as a product's kernel of that tile, no spills.
    /// </summary>
    public static CudaKernel Describe(GemmTile tile, int kernel, bool upsampled, ActivationFunction? activation, bool bfloat16) => new()
    {
        Source = "Convolution/Convolution.cu",
        Function = "convolution",
        Defines =
        [
            .. tile.Defines, new("ENG_KERNEL", kernel), new("ENG_UPSAMPLE", upsampled ? 1 : 0), new("ENG_OUTPUT", bfloat16 ? 1 : 0),
            new("ENG_EPILOGUE", activation switch
            {
                null => Addition,
                ActivationFunction.None => 0,
                ActivationFunction.Silu => 2,
                _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "Only SiLU can be fused behind a convolution on the device."),
            }),
        ],
        ThreadsPerBlock = tile.Threads,
        DynamicSharedBytes = tile.SharedBytes,
        RegisterBudget = tile.RegisterBudget,
        SharedBudget = tile.SharedBytes,
        Hot = true,
        Overlaps = true,
        Architectures = tile.Architectures,
    };

    /// <summary>What an image decoder and encoder are made of, whatever the world model: plain, to twice the size, at the end of a branch, and the last one in float32.</summary>
    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape _) => s_tilesOfHopper.SelectMany(tile => new[]
    {
        Describe(tile, 3, false, ActivationFunction.None, bfloat16: true),
        Describe(tile, 3, false, ActivationFunction.None, bfloat16: false),
        Describe(tile, 3, true, ActivationFunction.None, bfloat16: true),
        Describe(tile, 3, false, null, bfloat16: true),
    });

    internal static void Launch<TOutput>(
        GemmPlan plan, CudaStream stream, DeviceSpan<Bfloat16> x, int images, int height, int width, CudaConvolution convolution, DeviceSpan<TOutput> y, GemmWorkspace workspace,
        ActivationFunction? activation)
        where TOutput : unmanaged
    {
        if (typeof(TOutput) != typeof(float) && typeof(TOutput) != typeof(Bfloat16))
            throw new ArgumentException($"y must be float or Bfloat16, it is {typeof(TOutput).Name}.", nameof(y));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(height, MostSide);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, MostSide);
        int pixels = Pixels(images, height, width, convolution), rows = convolution.OutputSize(height), columns = convolution.OutputSize(width);
        x.Require((long)images * height * width * convolution.Inputs, nameof(x), $"images × height × width × channels = {images} × {height} × {width} × {convolution.Inputs}");
        y.Require((long)pixels * convolution.Outputs, nameof(y), $"images × rows × columns × outputs = {images} × {rows} × {columns} × {convolution.Outputs}");
        workspace.Require(plan);
        if (x.Address % 16 != 0 || y.Address % (ulong)(2 * Unsafe.SizeOf<TOutput>()) != 0)
            throw new ArgumentException($"x must start at a multiple of 16 bytes and y at one of {2 * Unsafe.SizeOf<TOutput>()}, they start at 0x{x.Address:x} and 0x{y.Address:x}.", nameof(x));
        stream.Launch(
            Describe(plan.Tile, convolution.Kernel, convolution.Upsampled, activation, typeof(TOutput) == typeof(Bfloat16)), plan.Grid, x, convolution.Weight, convolution.Bias, y,
            workspace.Parts, workspace.Arrivals, pixels, height, width, convolution.Inputs, rows, columns, convolution.Outputs, convolution.Stride, convolution.Padding);
    }

    private static int Numbers(CudaConvolution convolution) => convolution.Kernel * convolution.Kernel * convolution.Inputs;

    private static int Pixels(int images, int height, int width, CudaConvolution convolution)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(images);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        int rows = convolution.OutputSize(height), columns = convolution.OutputSize(width);
        if (rows == 0 || columns == 0)
        {
            throw new ArgumentException(
                $"an image of {height} × {width} with {convolution.Padding} and {convolution.Trailing} zeros around is smaller than the kernel, {convolution.Kernel} × {convolution.Kernel}.",
                nameof(height));
        }

        return checked(images * rows * columns);
    }
}
