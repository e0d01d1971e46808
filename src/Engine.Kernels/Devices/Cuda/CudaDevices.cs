using System.Globalization;
using Engine.Kernels.Interop;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>Opens devices by name, as options of the program give them.</summary>
public static class CudaDevices
{
    /// <summary>Opens a device.</summary>
    /// <param name="name"><c>cuda</c>, <c>cuda:1</c> …, or <c>emulated</c>: kernels on the processor, slow, for finding faults.</param>
    /// <exception cref="ArgumentException">The name is none of these.</exception>
    /// <exception cref="CudaException">There is no such device, or what it needs is missing; the message is one sentence.</exception>
    public static CudaContext Open(string name)
    {
        if (name == "emulated")
        {
            return new CudaContext(
                new EmulatedCudaDriver(64L << 30),
                EmulationCompiler.TryFind() ?? throw new CudaException("g++", -1, "the device 'emulated' compiles kernels with g++, which is not on this machine."));
        }

        if (TryOrdinal(name) is not { } ordinal) throw new ArgumentException($"the device '{name}' is not known; there are cuda and cuda:1, cuda:2 …", nameof(name));
        ICudaDriver driver = LibCudaDriver.TryLoad(out string reason) ?? throw new CudaException("cuInit", -1, $"{reason}.");
        NvrtcCompiler compiler = NvrtcCompiler.TryFind(driver.Name) ?? throw new CudaException(
            "dlopen", -1, "there is a GPU, but no NVRTC (libnvrtc.so) to compile kernels for it: install it (Debian: libnvrtc12; pip: nvidia-cuda-nvrtc-cu12), or set ENGINE_NVRTC to its path.");
        return new CudaContext(driver, compiler, ordinal);
    }

    /// <summary>Whether a name is that of a GPU or of the emulation.</summary>
    public static bool IsKnown(string name) => name == "emulated" || TryOrdinal(name) is not null;

    /// <summary>Name of the cuBLASLt library that can be loaded here; null, with the reason, for none. Nothing needs it.</summary>
    public static string? FindCublasLt(out string reason) => CublasLtLibrary.TryLoad(null, out reason)?.Path;

    private static int? TryOrdinal(string name) => name == "cuda" ? 0
        : name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal) ? ordinal : null;
}
