using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Engine.Kernels.Interop;

/// <summary>libeng_kernels.so: what .NET has no intrinsics for. Callers check every pointer and length.</summary>
internal static unsafe partial class KernelsNative
{
    public const int AbiVersion = 2;
    public const string Library = "eng_kernels";

    private static readonly Lazy<bool> s_hasBfloat16 = new(() =>
        NativeLibraryLocator.TryFind(Library) is not null && eng_kernels_abi_version() == AbiVersion && eng_kernels_has_bf16() != 0);

    /// <summary>Whether the library is here and the processor has AVX-512 BF16.</summary>
    public static bool HasBfloat16 => s_hasBfloat16.Value;

#pragma warning disable CA2255 // A resolver can only be set once per assembly, before its first native call.
    [ModuleInitializer]
    internal static void SetResolver() => NativeLibraryLocator.ServeImports(typeof(KernelsNative).Assembly, Library);
#pragma warning restore CA2255

    [LibraryImport(Library)]
    private static partial int eng_kernels_abi_version();

    [LibraryImport(Library)]
    private static partial int eng_kernels_has_bf16();

    [LibraryImport(Library)]
    public static partial void eng_bf16_round(float* x, long rows, long inputs, uint* words);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    public static partial void eng_gemm_bf16_tile(uint* x, nint* rows, long pairs, uint* weights, uint* ahead, float* bias, float* tile, long stride, int width);
}
