using System.CommandLine;
using Engine.Kernels.Devices.Cuda;
using Engine.Training.Torch;

namespace Engine.Host.Commands;

/// <summary><c>--device</c>: the processor, a GPU, or (for finding faults) a GPU that is emulated on the processor.</summary>
internal static class DeviceOption
{
    /// <summary>The device of those who ask for none.</summary>
    public const string Processor = "cpu";

    public static Option<string> Create(string what) => new("--device")
    {
        Description = $"{what}: cpu, cuda, or cuda:1 … for another GPU than the first.",
        DefaultValueFactory = _ => Processor,
        HelpName = "name",
    };

    /// <summary>What torch calls the device; an emulated one is of the processor.</summary>
    public static string TorchName(string name) => name.StartsWith("cuda", StringComparison.Ordinal) ? name : Processor;

    /// <summary>Opens a device to train on.</summary>
    /// <exception cref="UsageException">The name is not known.</exception>
    /// <exception cref="TorchException">libtorch has no such device; the message is one sentence.</exception>
    public static TorchDevice OpenTorch(string name)
    {
        try
        {
            return TorchDevice.Open(name);
        }
        catch (ArgumentException error)
        {
            throw new UsageException(FailureMessage.Describe(error));
        }
    }

    /// <summary>Opens a device; null for the processor.</summary>
    /// <exception cref="UsageException">The name is not known.</exception>
    /// <exception cref="CudaException">There is no such device, or what it needs is missing; the message is one sentence.</exception>
    public static CudaContext? Open(string name)
    {
        if (name == Processor) return null;
        if (!CudaDevices.IsKnown(name)) throw new UsageException($"--device is '{name}'; expected cpu, cuda, or cuda:1, cuda:2 …");
        try
        {
            return CudaDevices.Open(name);
        }
        catch (CudaException error)
        {
            throw new CudaException(error.Call, error.Status, $"--device {name}: {error.Message}", error);
        }
    }
}
