using System.Runtime.InteropServices;
using System.Text;
using Engine.Runtime.Onnx;

namespace Engine.Runtime.Interop;

/// <summary>
/// ONNX Runtime's C API. The library exports one function, <c>OrtGetApiBase</c>, which gives a table of function pointers;
/// the table is append-only, so a slot's number holds for every later release (onnxruntime_c_api.h).
/// </summary>
internal static unsafe class OnnxRuntimeApi
{
    /// <summary>The table's version that we ask for: every slot used here is in it (ONNX Runtime 1.17 and later give it).</summary>
    private const uint TableVersion = 17;

    private static readonly Lazy<Loaded> s_loaded = new(Load);

    /// <summary>The function table.</summary>
    internal static void** Table => (void**)s_loaded.Value.Table;

    /// <summary>The process's one OrtEnv; it lives as long as the process.</summary>
    internal static nint Environment => s_loaded.Value.Environment;

    /// <summary>OrtMemoryInfo of ordinary CPU memory.</summary>
    internal static nint CpuMemory => s_loaded.Value.CpuMemory;

    /// <summary>ONNX Runtime's default allocator (names of inputs are allocated with it).</summary>
    internal static nint Allocator => s_loaded.Value.Allocator;

    internal static string Version => s_loaded.Value.Version;

    internal static string Path => s_loaded.Value.Path;

    /// <summary>Throws when a call did not return a null status; the status is released.</summary>
    internal static void Check(nint status)
    {
        if (status != 0) Throw(Table, status);
    }

    /// <summary>A zero-terminated UTF-8 copy in native memory, to be freed with <see cref="NativeMemory.Free"/>.</summary>
    internal static byte* Utf8(string text)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        byte* copy = (byte*)NativeMemory.Alloc((nuint)length + 1);
        Encoding.UTF8.GetBytes(text, new Span<byte>(copy, length));
        copy[length] = 0;
        return copy;
    }

    private static void Throw(void** table, nint status)
    {
        string message = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint, nint>)table[Slot.GetErrorMessage])(status)) ?? "(no message)";
        int code = ((delegate* unmanaged<nint, int>)table[Slot.GetErrorCode])(status);
        ((delegate* unmanaged<nint, void>)table[Slot.ReleaseStatus])(status);
        throw new OnnxRuntimeException(code, message);
    }

    private static Loaded Load()
    {
        string path = OnnxRuntimeLibrary.Find();
        nint library = NativeLibrary.Load(path);
        void** apiBase = ((delegate* unmanaged<void**>)NativeLibrary.GetExport(library, "OrtGetApiBase"))();
        string version = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)apiBase[1])()) ?? "";
        void** table = ((delegate* unmanaged<uint, void**>)apiBase[0])(TableVersion);
        if (table is null)
            throw new DllNotFoundException($"{path} is ONNX Runtime {version}, which has no API version {TableVersion}: use 1.17 or later.");

        void CheckHere(nint status)
        {
            if (status != 0) Throw(table, status);
        }

        const int severityError = 3, deviceAllocator = 0, memTypeDefault = 0;
        nint environment, cpu, allocator;
        fixed (byte* name = "engine\0"u8)
            CheckHere(((delegate* unmanaged<int, byte*, nint*, nint>)table[Slot.CreateEnv])(severityError, name, &environment));
        CheckHere(((delegate* unmanaged<nint, nint>)table[Slot.DisableTelemetryEvents])(environment));
        CheckHere(((delegate* unmanaged<int, int, nint*, nint>)table[Slot.CreateCpuMemoryInfo])(deviceAllocator, memTypeDefault, &cpu));
        CheckHere(((delegate* unmanaged<nint*, nint>)table[Slot.GetAllocatorWithDefaultOptions])(&allocator));
        return new Loaded((nint)table, environment, cpu, allocator, version, path);
    }

    private sealed record Loaded(nint Table, nint Environment, nint CpuMemory, nint Allocator, string Version, string Path);

    /// <summary>Positions in OrtApi.</summary>
    internal static class Slot
    {
        internal const int GetErrorCode = 1;
        internal const int GetErrorMessage = 2;
        internal const int CreateEnv = 3;
        internal const int DisableTelemetryEvents = 6;
        internal const int CreateSession = 7;
        internal const int CreateSessionFromArray = 8;
        internal const int Run = 9;
        internal const int CreateSessionOptions = 10;
        internal const int SetSessionGraphOptimizationLevel = 23;
        internal const int SetIntraOpNumThreads = 24;
        internal const int SetInterOpNumThreads = 25;
        internal const int SessionGetInputCount = 30;
        internal const int SessionGetOutputCount = 31;
        internal const int SessionGetInputTypeInfo = 33;
        internal const int SessionGetOutputTypeInfo = 34;
        internal const int SessionGetInputName = 36;
        internal const int SessionGetOutputName = 37;
        internal const int CreateTensorWithDataAsOrtValue = 49;
        internal const int GetTensorMutableData = 51;
        internal const int CastTypeInfoToTensorInfo = 55;
        internal const int GetTensorElementType = 60;
        internal const int GetDimensionsCount = 61;
        internal const int GetDimensions = 62;
        internal const int GetSymbolicDimensions = 63;
        internal const int GetTensorTypeAndShape = 65;
        internal const int CreateMemoryInfo = 68;
        internal const int CreateCpuMemoryInfo = 69;
        internal const int AllocatorFree = 76;
        internal const int GetAllocatorWithDefaultOptions = 78;
        internal const int ReleaseStatus = 93;
        internal const int ReleaseMemoryInfo = 94;
        internal const int ReleaseSession = 95;
        internal const int ReleaseValue = 96;
        internal const int ReleaseTypeInfo = 98;
        internal const int ReleaseTensorTypeAndShapeInfo = 99;
        internal const int ReleaseSessionOptions = 100;
        internal const int AddSessionConfigEntry = 130;
        internal const int AppendCudaProvider = 204;
        internal const int CreateCudaOptions = 205;
        internal const int UpdateCudaOptions = 206;
        internal const int ReleaseCudaOptions = 208;
    }
}
