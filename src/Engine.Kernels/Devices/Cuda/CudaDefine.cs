using System.Globalization;

namespace Engine.Kernels.Devices.Cuda;

/// <summary>A macro that a kernel's source is compiled with: the constants that it is specialised to.</summary>
/// <param name="Name">The macro's name, prefix <c>ENGINE_</c>.</param>
/// <param name="Value">Its text.</param>
public readonly record struct CudaDefine(string Name, string Value)
{
    /// <summary>An integer.</summary>
    public CudaDefine(string name, int value)
        : this(name, value.ToString(CultureInfo.InvariantCulture))
    {
    }
}
