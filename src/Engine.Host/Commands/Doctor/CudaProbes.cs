using System.Globalization;
using Engine.Kernels.Devices.Cuda;
using Engine.Kernels.Devices.Cuda.Probe;

namespace Engine.Host.Commands.Doctor;

/// <summary>GPUs and what dreaming on them takes; nothing of it is needed, and where there is none one line says so.</summary>
internal static class CudaProbes
{
    private const string Group = "GPU";

    public static IEnumerable<DoctorFinding> All()
    {
        if (LibCudaDriver.TryLoad(out string reason) is not { } driver)
        {
            yield return new(Group, "CUDA", DoctorState.Present, $"none: {reason}; everything runs on the processor");
            yield break;
        }

        yield return new(Group, "Driver", DoctorState.Present, driver.Name);
        var (compiler, finding) = Compiler(driver);
        yield return finding;
        yield return new(Group, "cuBLASLt", DoctorState.Present, CudaDevices.FindCublasLt(out reason) is { } cublas ? $"{cublas}; bench cuda compares with it, dreams run on Engine's own kernels" : reason);
        var (entries, bytes) = new CudaCache(CudaCache.DefaultFolder).Measure();
        yield return new(Group, "Compiled kernels", DoctorState.Present, string.Create(CultureInfo.InvariantCulture, $"{entries}, {bytes / 1048576.0:0.#} MiB"), CudaCache.DefaultFolder);
        for (int i = 0; i < driver.DeviceCount; i++) yield return Device(driver, compiler, i);
    }

    private static (NvrtcCompiler?, DoctorFinding) Compiler(LibCudaDriver driver)
    {
        const string Remedy = "install NVRTC (Debian: libnvrtc12; pip: nvidia-cuda-nvrtc-cu12), or set ENGINE_NVRTC to its library";
        try
        {
            return NvrtcCompiler.TryFind(driver.Name) is { } compiler
                ? (compiler, new(Group, "NVRTC", DoctorState.Present, compiler.Version, compiler.LibraryPath))
                : (null, new(Group, "NVRTC", DoctorState.Advice, "not found: kernels cannot be compiled", null, Remedy));
        }
        catch (CudaException failure)
        {
            return (null, new(Group, "NVRTC", DoctorState.Advice, FailureMessage.Describe(failure), null, Remedy));
        }
    }

    private static DoctorFinding Device(LibCudaDriver driver, NvrtcCompiler? compiler, int ordinal)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"cuda:{ordinal}");
        try
        {
            CudaDeviceInfo device = driver.Describe(ordinal);
            string value = string.Create(
                CultureInfo.InvariantCulture, $"{device.Name}, compute capability {device.Major}.{device.Minor}, {device.Multiprocessors} multiprocessors, {device.MemoryBytes / 1073741824.0:0.#} GiB");
            if (!device.Supported) return new(Group, name, DoctorState.Advice, value, null, "it is too old: kernels are for compute capability 8.0 (Ampere) and newer");
            if (compiler is null) return new(Group, name, DoctorState.Advice, value, null, "kernels cannot be compiled for it without NVRTC");
            using var context = new CudaContext(driver, compiler, ordinal);
            double milliseconds = DeviceProbe.Run(context);
            if (Environment.GetEnvironmentVariable(CudaFeatures.Variable) is { Length: > 0 } without) value += $", without {without} ({CudaFeatures.Variable})";
            return new(Group, name, DoctorState.Present, string.Create(CultureInfo.InvariantCulture, $"{value}; a kernel ran from source to result in {milliseconds:0} ms"));
        }
        catch (CudaException failure)
        {
            return new(Group, name, DoctorState.Advice, FailureMessage.Describe(failure), null, "nvidia-smi says whether the driver sees the device");
        }
    }
}
