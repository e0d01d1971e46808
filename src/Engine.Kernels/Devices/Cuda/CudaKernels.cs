using System.Reflection;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// Finds the kernels that a world model asks for. An operation with a CUDA variant declares, in its <c>.Cuda.cs</c>,
/// <c>internal static IEnumerable&lt;CudaKernel&gt; CudaKernelsFor(CudaModelShape shape)</c>; kernels that no model shapes (GAE) are given for any shape.
/// </summary>
public static class CudaKernels
{
    private const string Method = "CudaKernelsFor";

    /// <summary>Every kernel of every operation for one shape, without repetition, in order of source and function.</summary>
    public static IReadOnlyList<CudaKernel> For(CudaModelShape shape) =>
    [
        .. Providers().SelectMany(provider => (IEnumerable<CudaKernel>)provider.Invoke(null, [shape])!).Distinct()
            .OrderBy(kernel => kernel.Module, StringComparer.Ordinal).ThenBy(kernel => kernel.Function, StringComparer.Ordinal),
    ];

    /// <summary>The same for all of <see cref="CudaModelShape.Shipped"/>.</summary>
    public static IReadOnlyList<CudaKernel> Shipped() =>
    [
        .. CudaModelShape.Shipped.SelectMany(For).Distinct()
            .OrderBy(kernel => kernel.Module, StringComparer.Ordinal).ThenBy(kernel => kernel.Function, StringComparer.Ordinal),
    ];

    private static IEnumerable<MethodInfo> Providers() => typeof(CudaKernels).Assembly.GetTypes()
        .Select(type => type.GetMethod(Method, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic, [typeof(CudaModelShape)]))
        .Where(method => method is not null)!;
}
