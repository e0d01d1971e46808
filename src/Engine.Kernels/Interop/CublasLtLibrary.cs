using System.Runtime.InteropServices;

namespace Engine.Kernels.Interop;

/// <summary>
/// The functions of cuBLASLt, looked up by name at run time: nothing is linked, and a machine without the library loses nothing else. Names and numbers
/// are those of cublasLt.h (CUDA 11.4 and newer). Every function but the version returns a cublasStatus_t, 0 for success.
/// </summary>
internal sealed unsafe class CublasLtLibrary
{
    /// <summary>Names that the loader is asked for, newest first.</summary>
    private static readonly string[] s_names = ["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"];

    public readonly delegate* unmanaged[Cdecl]<nuint> GetVersion;
    public readonly delegate* unmanaged[Cdecl]<int, byte*> GetStatusString;
    public readonly delegate* unmanaged[Cdecl]<nint*, int> Create, PreferenceCreate;
    public readonly delegate* unmanaged[Cdecl]<nint, int> Destroy, DescriptionDestroy, LayoutDestroy, PreferenceDestroy;
    public readonly delegate* unmanaged[Cdecl]<nint*, int, int, int> DescriptionCreate;
    public readonly delegate* unmanaged[Cdecl]<nint, int, void*, nuint, int> DescriptionSet, PreferenceSet;
    public readonly delegate* unmanaged[Cdecl]<nint*, int, ulong, ulong, long, int> LayoutCreate;
    public readonly delegate* unmanaged[Cdecl]<nint, nint, nint, nint, nint, nint, nint, int, HeuristicResult*, int*, int> GetHeuristic;
    public readonly delegate* unmanaged[Cdecl]<nint, nint, void*, ulong, nint, ulong, nint, void*, ulong, nint, ulong, nint, Algorithm*, ulong, nuint, nint, int> Matmul;

    private CublasLtLibrary(nint library, string path)
    {
        Path = path;
        nint Of(string name) => NativeLibrary.GetExport(library, name);
        GetVersion = (delegate* unmanaged[Cdecl]<nuint>)Of("cublasLtGetVersion");
        GetStatusString = (delegate* unmanaged[Cdecl]<int, byte*>)Of("cublasLtGetStatusString");
        Create = (delegate* unmanaged[Cdecl]<nint*, int>)Of("cublasLtCreate");
        Destroy = (delegate* unmanaged[Cdecl]<nint, int>)Of("cublasLtDestroy");
        DescriptionCreate = (delegate* unmanaged[Cdecl]<nint*, int, int, int>)Of("cublasLtMatmulDescCreate");
        DescriptionDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Of("cublasLtMatmulDescDestroy");
        DescriptionSet = (delegate* unmanaged[Cdecl]<nint, int, void*, nuint, int>)Of("cublasLtMatmulDescSetAttribute");
        LayoutCreate = (delegate* unmanaged[Cdecl]<nint*, int, ulong, ulong, long, int>)Of("cublasLtMatrixLayoutCreate");
        LayoutDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Of("cublasLtMatrixLayoutDestroy");
        PreferenceCreate = (delegate* unmanaged[Cdecl]<nint*, int>)Of("cublasLtMatmulPreferenceCreate");
        PreferenceDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Of("cublasLtMatmulPreferenceDestroy");
        PreferenceSet = (delegate* unmanaged[Cdecl]<nint, int, void*, nuint, int>)Of("cublasLtMatmulPreferenceSetAttribute");
        GetHeuristic = (delegate* unmanaged[Cdecl]<nint, nint, nint, nint, nint, nint, nint, int, HeuristicResult*, int*, int>)Of("cublasLtMatmulAlgoGetHeuristic");
        Matmul = (delegate* unmanaged[Cdecl]<nint, nint, void*, ulong, nint, ulong, nint, void*, ulong, nint, ulong, nint, Algorithm*, ulong, nuint, nint, int>)Of("cublasLtMatmul");
    }

    /// <summary>Where it was found.</summary>
    public string Path { get; }

    /// <summary>Loads the library at <paramref name="path"/>, or where the loader finds one; null, with the reason, where there is none.</summary>
    public static CublasLtLibrary? TryLoad(string? path, out string reason)
    {
        IReadOnlyList<string> names = string.IsNullOrEmpty(path) ? s_names : [path];
        reason = $"cuBLASLt was not found (looked for {string.Join(", ", names)}); plain products run on Engine's own kernels";
        foreach (string name in names)
        {
            if (!NativeLibrary.TryLoad(name, out nint library)) continue;
            try
            {
                return new CublasLtLibrary(library, name);
            }
            catch (EntryPointNotFoundException error)
            {
                reason = $"{name} is older than CUDA 11.4 ({error.Message}); plain products run on Engine's own kernels";
            }
        }

        return null;
    }

    /// <summary>What a status means.</summary>
    public string StatusText(int status) => Marshal.PtrToStringUTF8((nint)GetStatusString(status)) ?? $"cublasStatus_t {status}";

    /// <summary>cublasLtMatmulAlgo_t: opaque.</summary>
    [System.Runtime.CompilerServices.InlineArray(8)]
    public struct Algorithm
    {
        private ulong _word;
    }

    /// <summary>cublasLtMatmulHeuristicResult_t.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct HeuristicResult
    {
        public Algorithm Algorithm;
        public nuint WorkspaceBytes;
        public int State;
        public float Waves;
        private fixed int _reserved[4];
    }
}
