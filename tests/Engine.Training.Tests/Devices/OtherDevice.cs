using Engine.Kernels.Interop;
using Engine.Training.Torch;

[assembly: AssemblyFixture(typeof(Engine.Training.Tests.Devices.EmulatedFirst))]

namespace Engine.Training.Tests.Devices;

/// <summary>The devices beside the processor that tests run on, each counted as skipped where it is absent.</summary>
internal static class OtherDevice
{
    /// <summary>Names for theories.</summary>
    public static TheoryData<string> Names => ["emulated", "cuda"];

    /// <summary>Opens one, or skips the test.</summary>
    public static TorchDevice Open(string name)
    {
        if (name == "emulated")
        {
            Assert.SkipWhen(NativeLibraryLocator.TryFind("eng_torch_emulated") is null, "the emulated device is built for the system's libtorch only");
        }
        else
        {
            Assert.SkipUnless(TorchRuntime.HasCuda, $"libtorch {TorchRuntime.Version} is built without CUDA");
            Assert.SkipWhen(TorchRuntime.CudaDeviceCount == 0, "libtorch sees no GPU");
        }

        return TorchDevice.Open(name);
    }
}
