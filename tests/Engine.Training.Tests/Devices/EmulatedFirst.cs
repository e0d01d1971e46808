using Engine.Kernels.Interop;
using Engine.Training.Torch;

namespace Engine.Training.Tests.Devices;

/// <summary>Opens the emulated device before the first test: libtorch counts the devices that gradients go through at the first backward pass.</summary>
public sealed class EmulatedFirst
{
    public EmulatedFirst()
    {
        if (NativeLibraryLocator.TryFind("eng_torch_emulated") is not null) Assert.False(TorchDevice.Emulated.IsCpu);
    }
}
