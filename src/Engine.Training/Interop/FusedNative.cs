using System.Runtime.InteropServices;

namespace Engine.Training.Interop;

/// <summary>The C ABI of <c>native/torch/eng_torch_fused.h</c>.</summary>
internal static partial class FusedNative
{
    [LibraryImport(TorchNative.Library)]
    public static partial int eng_torch_small_attention(nint qkv, nint cos, nint sin, nint mask, int temporal, out nint result);

    [LibraryImport(TorchNative.Library)]
    public static partial int eng_torch_fast_gelu(nint x, out nint result);
}
