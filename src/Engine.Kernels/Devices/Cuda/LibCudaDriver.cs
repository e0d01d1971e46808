using System.Runtime.InteropServices;
using System.Text;
using Engine.Kernels.Interop;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>
/// The machine's CUDA driver, <c>libcuda.so.1</c> or what <c>ENGINE_CUDA_DRIVER</c> names. With <c>ENGINE_CUDA_OVERLAP=0</c> no kernel begins before the one before it has ended.
/// </summary>
public sealed unsafe partial class LibCudaDriver : ICudaDriver
{
    private const int MajorAttribute = 75, MinorAttribute = 76, MultiprocessorsAttribute = 16, SharedAttribute = 97, PoolsAttribute = 115;

    private readonly CudaLibrary _cuda;

    // Of the current context's device; one kind of device a machine is assumed, as drivers do for pools.
    private bool _pools = true;

    // Graphs keep such launches since CUDA 12.3.
    private readonly bool _overlaps;

    private LibCudaDriver(CudaLibrary cuda, string version, int devices, bool overlaps)
    {
        _cuda = cuda;
        _overlaps = overlaps;
        Name = $"CUDA driver {version}";
        DeviceCount = devices;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int DeviceCount { get; }

    /// <summary>The driver, or null with the reason in one sentence.</summary>
    /// <param name="reason">Why there is none; empty when there is.</param>
    /// <param name="path">The library; null for <c>ENGINE_CUDA_DRIVER</c> or the system's.</param>
    public static LibCudaDriver? TryLoad(out string reason, string? path = null)
    {
        string? own = path ?? Environment.GetEnvironmentVariable("ENGINE_CUDA_DRIVER");
        string name = string.IsNullOrEmpty(own) ? CudaLibrary.FileName : own;
        if (!NativeLibrary.TryLoad(name, out nint library))
        {
            reason = $"there is no CUDA driver on this machine ({name} cannot be loaded)";
            return null;
        }

        CudaLibrary cuda;
        try
        {
            cuda = new CudaLibrary(library);
        }
        catch (EntryPointNotFoundException error)
        {
            reason = $"the CUDA driver {name} is too old, one of CUDA 11.4 or newer is needed ({error.Message})";
            return null;
        }

        int status = cuda.Init(0), version = 0, devices = 0;
        if (status == 0) status = cuda.DriverGetVersion(&version);
        if (status == 0) status = cuda.DeviceGetCount(&devices);
        if (status != 0)
        {
            reason = $"the CUDA driver {name} finds no usable GPU ({cuda.ErrorText(status)})";
            return null;
        }

        if (devices == 0)
        {
            reason = $"the CUDA driver {name} finds no GPU";
            return null;
        }

        reason = "";
        bool overlaps = cuda.LaunchKernelEx is not null && version >= 12030 && Environment.GetEnvironmentVariable("ENGINE_CUDA_OVERLAP") != "0";
        return new LibCudaDriver(cuda, $"{version / 1000}.{version % 1000 / 10}", devices, overlaps);
    }

    /// <inheritdoc/>
    public CudaDeviceInfo Describe(int ordinal)
    {
        int device = Device(ordinal);
        nuint memory = 0;
        byte* name = stackalloc byte[256];
        Require(_cuda.DeviceGetName(name, 256, device), "cuDeviceGetName");
        name[255] = 0;
        Require(_cuda.DeviceTotalMem(&memory, device), "cuDeviceTotalMem");
        int Attribute(int attribute)
        {
            int value = 0;
            Require(_cuda.DeviceGetAttribute(&value, attribute, device), "cuDeviceGetAttribute");
            return value;
        }

        return new CudaDeviceInfo(
            ordinal, Marshal.PtrToStringUTF8((nint)name)!, Attribute(MajorAttribute), Attribute(MinorAttribute), (long)memory, Attribute(MultiprocessorsAttribute),
            Attribute(SharedAttribute), Attribute(PoolsAttribute) != 0);
    }

    /// <inheritdoc/>
    public nint RetainContext(int ordinal)
    {
        int device = Device(ordinal), pools = 0;
        nint context = 0, pool = 0;
        Require(_cuda.DevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
        Require(_cuda.DeviceGetAttribute(&pools, PoolsAttribute, device), "cuDeviceGetAttribute");
        _pools = pools != 0;
        if (_pools)
        {
            // By default a pool gives everything back at each synchronisation, and the next allocation pays for it.
            const int ReleaseThreshold = 4;
            ulong everything = ulong.MaxValue;
            Require(_cuda.DeviceGetDefaultMemPool(&pool, device), "cuDeviceGetDefaultMemPool");
            Require(_cuda.MemPoolSetAttribute(pool, ReleaseThreshold, &everything), "cuMemPoolSetAttribute");
        }

        return context;
    }

    /// <inheritdoc/>
    public void ReleaseContext(int ordinal) => Require(_cuda.DevicePrimaryCtxRelease(Device(ordinal)), "cuDevicePrimaryCtxRelease");

    /// <inheritdoc/>
    /// <remarks>Every time: other libraries of the process change it too, and the call costs next to nothing.</remarks>
    public void MakeCurrent(nint context) => Require(_cuda.CtxSetCurrent(context), "cuCtxSetCurrent");

    /// <inheritdoc/>
    public (long Free, long Total) MemoryInfo()
    {
        nuint free = 0, total = 0;
        Require(_cuda.MemGetInfo(&free, &total), "cuMemGetInfo");
        return ((long)free, (long)total);
    }

    /// <inheritdoc/>
    public nint LoadModule(CudaImage image)
    {
        // Options 5 and 6 of the driver's translator: a buffer for its errors, and the buffer's length.
        const int LogLength = 8192;
        byte* log = stackalloc byte[LogLength];
        log[0] = 0;
        int* options = stackalloc int[] { 5, 6 };
        void** values = stackalloc void*[] { log, (void*)LogLength };
        nint module = 0;
        // Text (PTX) needs an end.
        byte[] bytes = [.. image.Bytes, 0];
        fixed (byte* data = bytes)
        {
            int status = _cuda.ModuleLoadDataEx(&module, data, 2, options, values);
            if (status == 0) return module;
            log[LogLength - 1] = 0;
            throw new CudaException(
                "cuModuleLoadDataEx", status, $"cuModuleLoadDataEx of {image.Name} ({image.Path}): {_cuda.ErrorText(status)}\n{Marshal.PtrToStringUTF8((nint)log)}".TrimEnd());
        }
    }

    /// <inheritdoc/>
    public void UnloadModule(nint module) => Require(_cuda.ModuleUnload(module), "cuModuleUnload");

    /// <inheritdoc/>
    public nint GetFunction(nint module, string name)
    {
        nint function = 0;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
        {
            int status = _cuda.ModuleGetFunction(&function, module, text);
            if (status != 0) throw new CudaException("cuModuleGetFunction", status, $"cuModuleGetFunction of {name}: {_cuda.ErrorText(status)}");
        }

        return function;
    }

    /// <inheritdoc/>
    public int GetAttribute(nint function, CudaFunctionAttribute attribute)
    {
        int value = 0;
        Require(_cuda.FuncGetAttribute(&value, (int)attribute, function), "cuFuncGetAttribute");
        return value;
    }

    /// <inheritdoc/>
    public void SetAttribute(nint function, CudaFunctionAttribute attribute, int value) =>
        Require(_cuda.FuncSetAttribute(function, (int)attribute, value), "cuFuncSetAttribute", value);

    /// <inheritdoc/>
    public int MaxActiveBlocks(nint function, int threads, int dynamicSharedBytes)
    {
        int blocks = 0;
        Require(_cuda.OccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, threads, (nuint)dynamicSharedBytes), "cuOccupancyMaxActiveBlocksPerMultiprocessor");
        return blocks;
    }

    private int Device(int ordinal)
    {
        int device = 0;
        Require(_cuda.DeviceGet(&device, ordinal), "cuDeviceGet");
        return device;
    }

    private void Require(int status, string call)
    {
        if (status != 0) throw new CudaException(call, status, $"{call}: {_cuda.ErrorText(status)}");
    }

    private void Require(int status, string call, long bytes)
    {
        if (status != 0) throw new CudaException(call, status, $"{call} of {bytes} bytes: {_cuda.ErrorText(status)}");
    }
}
