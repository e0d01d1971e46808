using System.Globalization;
using Engine.Training.Interop;

namespace Engine.Training.Torch;

/// <summary>
/// Where a tensor's memory is: the processor (the default), a GPU of libtorch's CUDA, or a device that is emulated on the processor: its memory is the
/// processor's, but, as on a GPU, every tensor of an operation has to be on it. That is for finding faults without a GPU.
/// </summary>
public readonly record struct TorchDevice
{
    private const int CudaType = 1;

    // Only the emulated device needs the library; its number in libtorch is PrivateUse1's, which differs between versions.
    private static readonly Lazy<int> EmulatedType = new(LoadEmulated);

    private TorchDevice(int number) => Number = number;

    /// <summary>The processor.</summary>
    public static TorchDevice Cpu => default;

    /// <summary>The emulated device. To be opened before the first <see cref="Tensor.Backward()"/> of the process: libtorch counts its devices there.</summary>
    /// <exception cref="DllNotFoundException">libeng_torch_emulated.so was not built: it is for the system's libtorch, not for one of your own.</exception>
    public static TorchDevice Emulated => new(EmulatedType.Value);

    /// <summary>Whether it is the processor.</summary>
    public bool IsCpu => Number == 0;

    /// <summary>Whether it is a GPU.</summary>
    public bool IsCuda => (Number & 0xffff) == CudaType;

    /// <summary>Which of several GPUs; 0 elsewhere.</summary>
    public int Index => Number >> 16;

    /// <summary>As <c>eng_torch_device_number</c>.</summary>
    internal int Number { get; }

    /// <summary>One of libtorch's GPUs, whether it is there or not; <see cref="Open"/> looks.</summary>
    /// <param name="index">Its number, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">index is negative or beyond 127, libtorch's last.</exception>
    public static TorchDevice Cuda(int index = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, sbyte.MaxValue);
        return new(CudaType | (index << 16));
    }

    /// <summary>The device of libtorch's number.</summary>
    internal static TorchDevice Of(int number) => new(number);

    /// <summary>The device of a name: <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>, <c>emulated</c>.</summary>
    /// <exception cref="ArgumentException">The name is none of these.</exception>
    /// <exception cref="TorchException">This libtorch has no CUDA, or no such GPU; one sentence with what to do.</exception>
    public static TorchDevice Open(string name)
    {
        if (name == "cpu") return Cpu;
        if (name == "emulated") return Emulated;
        string index = name.StartsWith("cuda:", StringComparison.Ordinal) ? name[5..] : name == "cuda" ? "0" : "";
        if (!int.TryParse(index, NumberStyles.None, CultureInfo.InvariantCulture, out int wanted) || wanted > sbyte.MaxValue)
            throw new ArgumentException($"device is '{name}'; expected cpu, cuda, or cuda:1, cuda:2 …", nameof(name));
        if (!TorchRuntime.HasCuda)
        {
            throw new TorchException(
                $"device {name}: libtorch {TorchRuntime.Version} was built without CUDA; set ENGINE_TORCH_ROOT to the folder of one that has it, or train with --device cpu.");
        }

        int count = TorchRuntime.CudaDeviceCount;
        if (wanted >= count)
            throw new TorchException($"device {name}: libtorch {TorchRuntime.Version} has CUDA and sees {(count == 0 ? "no GPU" : $"{count}, cuda:0 … cuda:{count - 1}")}; nvidia-smi says whether the driver does.");
        return Cuda(wanted);
    }

    /// <summary>Waits until the device has done what this thread has asked of it.</summary>
    public void Synchronise()
    {
        if (!IsCpu && TorchNative.eng_torch_synchronize(Number) != 0) throw new TorchException($"waiting for {this}: {TorchNative.LastError()}");
    }

    /// <summary>The name, as <see cref="Open"/> takes it.</summary>
    public override string ToString() => IsCpu ? "cpu" : IsCuda ? string.Create(CultureInfo.InvariantCulture, $"cuda:{Index}") : "emulated";

    private static int LoadEmulated()
    {
        TorchRuntime.EnsureInitialised();
        return EmulatedDeviceNative.Load();
    }
}
