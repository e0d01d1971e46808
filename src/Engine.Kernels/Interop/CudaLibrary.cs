using System.Runtime.InteropServices;

namespace Engine.Kernels.Interop;

/// <summary>
/// The functions of the CUDA driver's library, looked up by name at run time: nothing is linked, and a machine without the library loses nothing else.
/// Names and numbers are those of cuda.h (driver API, CUDA 11.4 and newer). Every function returns a CUresult, 0 for success.
/// </summary>
internal sealed unsafe class CudaLibrary
{
    public const string FileName = "libcuda.so.1";

    public readonly delegate* unmanaged[Cdecl]<uint, int> Init;
    public readonly delegate* unmanaged[Cdecl]<int, byte**, int> GetErrorName, GetErrorString;
    public readonly delegate* unmanaged[Cdecl]<int*, int> DriverGetVersion, DeviceGetCount;
    public readonly delegate* unmanaged[Cdecl]<int*, int, int> DeviceGet;
    public readonly delegate* unmanaged[Cdecl]<byte*, int, int, int> DeviceGetName;
    public readonly delegate* unmanaged[Cdecl]<int*, int, int, int> DeviceGetAttribute;
    public readonly delegate* unmanaged[Cdecl]<nuint*, int, int> DeviceTotalMem;
    public readonly delegate* unmanaged[Cdecl]<nint*, int, int> DevicePrimaryCtxRetain, DeviceGetDefaultMemPool;
    public readonly delegate* unmanaged[Cdecl]<int, int> DevicePrimaryCtxRelease;
    public readonly delegate* unmanaged[Cdecl]<nint, int, void*, int> MemPoolSetAttribute;
    public readonly delegate* unmanaged[Cdecl]<nint, int> CtxSetCurrent, StreamDestroy, StreamSynchronize, EventDestroy, EventSynchronize;
    public readonly delegate* unmanaged[Cdecl]<nint, int> MemFreeHost, ModuleUnload, GraphDestroy, GraphExecDestroy;
    public readonly delegate* unmanaged[Cdecl]<nuint*, nuint*, int> MemGetInfo;
    public readonly delegate* unmanaged[Cdecl]<nint*, uint, int> StreamCreate, EventCreate;
    public readonly delegate* unmanaged[Cdecl]<nint, nint, int> EventRecord, GraphLaunch;
    public readonly delegate* unmanaged[Cdecl]<nint, nint, uint, int> StreamWaitEvent;
    public readonly delegate* unmanaged[Cdecl]<float*, nint, nint, int> EventElapsedTime;
    public readonly delegate* unmanaged[Cdecl]<ulong*, nuint, nint, int> MemAllocAsync;
    public readonly delegate* unmanaged[Cdecl]<ulong*, nuint, int> MemAlloc;
    public readonly delegate* unmanaged[Cdecl]<ulong, nint, int> MemFreeAsync;
    public readonly delegate* unmanaged[Cdecl]<ulong, int> MemFree;
    public readonly delegate* unmanaged[Cdecl]<nint*, nuint, uint, int> MemHostAlloc;
    public readonly delegate* unmanaged[Cdecl]<ulong, void*, nuint, nint, int> MemcpyHtoDAsync;
    public readonly delegate* unmanaged[Cdecl]<void*, ulong, nuint, nint, int> MemcpyDtoHAsync;
    public readonly delegate* unmanaged[Cdecl]<ulong, ulong, nuint, nint, int> MemcpyDtoDAsync;
    public readonly delegate* unmanaged[Cdecl]<ulong, byte, nuint, nint, int> MemsetD8Async;
    public readonly delegate* unmanaged[Cdecl]<nint*, void*, uint, int*, void**, int> ModuleLoadDataEx;
    public readonly delegate* unmanaged[Cdecl]<nint*, nint, byte*, int> ModuleGetFunction;
    public readonly delegate* unmanaged[Cdecl]<int*, int, nint, int> FuncGetAttribute;
    public readonly delegate* unmanaged[Cdecl]<nint, int, int, int> FuncSetAttribute;
    public readonly delegate* unmanaged[Cdecl]<int*, nint, int, nuint, int> OccupancyMaxActiveBlocksPerMultiprocessor;
    public readonly delegate* unmanaged[Cdecl]<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> LaunchKernel;
    public readonly delegate* unmanaged[Cdecl]<nint, int, int> StreamBeginCapture;
    public readonly delegate* unmanaged[Cdecl]<nint, nint*, int> StreamEndCapture;
    public readonly delegate* unmanaged[Cdecl]<nint*, nint, ulong, int> GraphInstantiate;

    /// <summary>Null before CUDA 11.8.</summary>
    public readonly delegate* unmanaged[Cdecl]<LaunchConfiguration*, nint, void**, void**, int> LaunchKernelEx;

    /// <summary>Looks every function up.</summary>
    /// <exception cref="EntryPointNotFoundException">The driver is too old.</exception>
    public CudaLibrary(nint library)
    {
        nint Of(string name) => NativeLibrary.GetExport(library, name);
        Init = (delegate* unmanaged[Cdecl]<uint, int>)Of("cuInit");
        GetErrorName = (delegate* unmanaged[Cdecl]<int, byte**, int>)Of("cuGetErrorName");
        GetErrorString = (delegate* unmanaged[Cdecl]<int, byte**, int>)Of("cuGetErrorString");
        DriverGetVersion = (delegate* unmanaged[Cdecl]<int*, int>)Of("cuDriverGetVersion");
        DeviceGetCount = (delegate* unmanaged[Cdecl]<int*, int>)Of("cuDeviceGetCount");
        DeviceGet = (delegate* unmanaged[Cdecl]<int*, int, int>)Of("cuDeviceGet");
        DeviceGetName = (delegate* unmanaged[Cdecl]<byte*, int, int, int>)Of("cuDeviceGetName");
        DeviceGetAttribute = (delegate* unmanaged[Cdecl]<int*, int, int, int>)Of("cuDeviceGetAttribute");
        DeviceTotalMem = (delegate* unmanaged[Cdecl]<nuint*, int, int>)Of("cuDeviceTotalMem_v2");
        DevicePrimaryCtxRetain = (delegate* unmanaged[Cdecl]<nint*, int, int>)Of("cuDevicePrimaryCtxRetain");
        DeviceGetDefaultMemPool = (delegate* unmanaged[Cdecl]<nint*, int, int>)Of("cuDeviceGetDefaultMemPool");
        DevicePrimaryCtxRelease = (delegate* unmanaged[Cdecl]<int, int>)Of("cuDevicePrimaryCtxRelease_v2");
        MemPoolSetAttribute = (delegate* unmanaged[Cdecl]<nint, int, void*, int>)Of("cuMemPoolSetAttribute");
        CtxSetCurrent = (delegate* unmanaged[Cdecl]<nint, int>)Of("cuCtxSetCurrent");
        StreamDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Of("cuStreamDestroy_v2");
        StreamSynchronize = (delegate* unmanaged[Cdecl]<nint, int>)Of("cuStreamSynchronize");
        EventDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Of("cuEventDestroy_v2");
        EventSynchronize = (delegate* unmanaged[Cdecl]<nint, int>)Of("cuEventSynchronize");
        MemFreeHost = (delegate* unmanaged[Cdecl]<nint, int>)Of("cuMemFreeHost");
        ModuleUnload = (delegate* unmanaged[Cdecl]<nint, int>)Of("cuModuleUnload");
        GraphDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Of("cuGraphDestroy");
        GraphExecDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Of("cuGraphExecDestroy");
        MemGetInfo = (delegate* unmanaged[Cdecl]<nuint*, nuint*, int>)Of("cuMemGetInfo_v2");
        StreamCreate = (delegate* unmanaged[Cdecl]<nint*, uint, int>)Of("cuStreamCreate");
        EventCreate = (delegate* unmanaged[Cdecl]<nint*, uint, int>)Of("cuEventCreate");
        EventRecord = (delegate* unmanaged[Cdecl]<nint, nint, int>)Of("cuEventRecord");
        GraphLaunch = (delegate* unmanaged[Cdecl]<nint, nint, int>)Of("cuGraphLaunch");
        StreamWaitEvent = (delegate* unmanaged[Cdecl]<nint, nint, uint, int>)Of("cuStreamWaitEvent");
        EventElapsedTime = (delegate* unmanaged[Cdecl]<float*, nint, nint, int>)Of("cuEventElapsedTime");
        MemAllocAsync = (delegate* unmanaged[Cdecl]<ulong*, nuint, nint, int>)Of("cuMemAllocAsync");
        MemAlloc = (delegate* unmanaged[Cdecl]<ulong*, nuint, int>)Of("cuMemAlloc_v2");
        MemFreeAsync = (delegate* unmanaged[Cdecl]<ulong, nint, int>)Of("cuMemFreeAsync");
        MemFree = (delegate* unmanaged[Cdecl]<ulong, int>)Of("cuMemFree_v2");
        MemHostAlloc = (delegate* unmanaged[Cdecl]<nint*, nuint, uint, int>)Of("cuMemHostAlloc");
        MemcpyHtoDAsync = (delegate* unmanaged[Cdecl]<ulong, void*, nuint, nint, int>)Of("cuMemcpyHtoDAsync_v2");
        MemcpyDtoHAsync = (delegate* unmanaged[Cdecl]<void*, ulong, nuint, nint, int>)Of("cuMemcpyDtoHAsync_v2");
        MemcpyDtoDAsync = (delegate* unmanaged[Cdecl]<ulong, ulong, nuint, nint, int>)Of("cuMemcpyDtoDAsync_v2");
        MemsetD8Async = (delegate* unmanaged[Cdecl]<ulong, byte, nuint, nint, int>)Of("cuMemsetD8Async");
        ModuleLoadDataEx = (delegate* unmanaged[Cdecl]<nint*, void*, uint, int*, void**, int>)Of("cuModuleLoadDataEx");
        ModuleGetFunction = (delegate* unmanaged[Cdecl]<nint*, nint, byte*, int>)Of("cuModuleGetFunction");
        FuncGetAttribute = (delegate* unmanaged[Cdecl]<int*, int, nint, int>)Of("cuFuncGetAttribute");
        FuncSetAttribute = (delegate* unmanaged[Cdecl]<nint, int, int, int>)Of("cuFuncSetAttribute");
        OccupancyMaxActiveBlocksPerMultiprocessor = (delegate* unmanaged[Cdecl]<int*, nint, int, nuint, int>)Of("cuOccupancyMaxActiveBlocksPerMultiprocessor");
        LaunchKernel = (delegate* unmanaged[Cdecl]<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)Of("cuLaunchKernel");
        if (NativeLibrary.TryGetExport(library, "cuLaunchKernelEx", out nint launch)) LaunchKernelEx = (delegate* unmanaged[Cdecl]<LaunchConfiguration*, nint, void**, void**, int>)launch;
        StreamBeginCapture = (delegate* unmanaged[Cdecl]<nint, int, int>)Of("cuStreamBeginCapture_v2");
        StreamEndCapture = (delegate* unmanaged[Cdecl]<nint, nint*, int>)Of("cuStreamEndCapture");
        GraphInstantiate = (delegate* unmanaged[Cdecl]<nint*, nint, ulong, int>)Of("cuGraphInstantiateWithFlags");
    }

    /// <summary>CUlaunchConfig.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct LaunchConfiguration
    {
        public uint GridX, GridY, GridZ, BlockX, BlockY, BlockZ, SharedBytes;
        public nint Stream;
        public LaunchAttribute* Attributes;
        public uint AttributeCount;
    }

    /// <summary>CUlaunchAttribute: a number, and 64 bytes of value from byte 8 on.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 72)]
    public struct LaunchAttribute
    {
        /// <summary>CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION: the value says whether the kernel may begin early.</summary>
        public const int ProgrammaticStreamSerialization = 6;

        [FieldOffset(0)]
        public int Id;

        [FieldOffset(8)]
        public int Value;
    }

    /// <summary>Name and explanation of a CUresult.</summary>
    public string ErrorText(int status)
    {
        byte* name = null, text = null;
        if (GetErrorName(status, &name) != 0 || name is null) return $"CUresult {status}";
        return GetErrorString(status, &text) == 0 && text is not null
            ? $"{Marshal.PtrToStringUTF8((nint)name)}: {Marshal.PtrToStringUTF8((nint)text)}"
            : Marshal.PtrToStringUTF8((nint)name)!;
    }
}
