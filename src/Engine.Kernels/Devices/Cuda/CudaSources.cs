using System.Collections.Frozen;
using System.Reflection;
using System.Text;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// The CUDA sources that travel inside this assembly: <c>Ops/&lt;Op&gt;/*.cu</c> under their path below <c>Ops</c>, and the headers of
/// <c>native/cuda/include</c> under the name that <c>#include</c> gives.
/// </summary>
public static class CudaSources
{
    private const string Kernels = "cuda/ops/", Includes = "cuda/include/";

    /// <summary>Text of each header, by the name in an include directive.</summary>
    public static FrozenDictionary<string, string> Headers { get; } = Read(Includes);

    /// <summary>Text of each kernel source, by its path below <c>Ops</c>.</summary>
    public static FrozenDictionary<string, string> Sources { get; } = Read(Kernels);

    /// <summary>The source of a kernel.</summary>
    /// <exception cref="CudaException">There is none of that name.</exception>
    public static string Of(CudaKernel kernel) => Sources.TryGetValue(kernel.Source, out string? text)
        ? text
        : throw new CudaException("compile", -1, $"{kernel}: there is no source Ops/{kernel.Source}; there are: {string.Join(", ", Sources.Keys.Order(StringComparer.Ordinal))}");

    private static FrozenDictionary<string, string> Read(string prefix)
    {
        Assembly assembly = typeof(CudaSources).Assembly;
        return assembly.GetManifestResourceNames().Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).ToFrozenDictionary(name => name[prefix.Length..], name =>
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!, Encoding.UTF8);
            return reader.ReadToEnd();
        });
    }
}
