using Engine.Kernels.Devices.Cuda;

namespace Engine.Kernels.Ops.Activation;

/// <summary>On a device: Activation.cu. Errors in float32: GELU and SiLU 4e-6 of the result and 1e-7, exp and tanh 3 ulp.</summary>
public static partial class Activation
{
    private const int DeviceThreads = 256;

    /// <summary>destination[i] = f(source[i]), each float or <see cref="Bfloat16"/>.</summary>
    /// <param name="stream">Where the work goes.</param>
    /// <param name="function">f.</param>
    /// <param name="source">At a multiple of 16 bytes.</param>
    /// <param name="destination">Likewise; as long as source, and may be source.</param>
    /// <exception cref="ArgumentException">A length, a type or an alignment does not fit.</exception>
    public static void Apply<TSource, TDestination>(CudaStream stream, ActivationFunction function, DeviceSpan<TSource> source, DeviceSpan<TDestination> destination)
        where TSource : unmanaged
        where TDestination : unmanaged
    {
        if (source.Length != destination.Length)
            throw new ArgumentException($"source has {source.Length} elements, destination {destination.Length}; they must be equal.", nameof(destination));
        DeviceElement.RequireAligned(source, nameof(source));
        DeviceElement.RequireAligned(destination, nameof(destination));
        stream.Launch(Describe<TSource, TDestination>(function), CudaGrid.Cover(source.Length, 8 * DeviceThreads), source, destination, source.Length);
    }

    /// <summary>The kernel of a function: 40 registers, no shared memory.</summary>
    public static CudaKernel Describe<TSource, TDestination>(ActivationFunction function)
        where TSource : unmanaged
        where TDestination : unmanaged => new()
        {
            Source = "Activation/Activation.cu",
            Function = "activate",
            Defines =
            [
                new("ENG_FUNCTION", (int)function), new("ENG_SOURCE", DeviceElement.Name<TSource>("source")), new("ENG_DESTINATION", DeviceElement.Name<TDestination>("destination")),
            ],
            ThreadsPerBlock = DeviceThreads,
            RegisterBudget = 40,
            SharedBudget = 0,
        };

    internal static IEnumerable<CudaKernel> CudaKernelsFor(CudaModelShape _) =>
    [
        Describe<float, Bfloat16>(ActivationFunction.None), Describe<Bfloat16, Bfloat16>(ActivationFunction.GeluTanh), Describe<float, Bfloat16>(ActivationFunction.Silu),
    ];
}
