using System.Runtime.InteropServices;
using Engine.Kernels.Interop;

namespace Engine.Training.Interop;

/// <summary><c>libeng_torch_emulated.so</c>, see <c>native/torch/emulated_device.cpp</c>: libtorch knows the device from when it is loaded.</summary>
internal static unsafe class EmulatedDeviceNative
{
    /// <summary>Loads the library and gives the device's number.</summary>
    /// <exception cref="DllNotFoundException">It was not built.</exception>
    public static int Load()
    {
        nint library = NativeLibrary.Load(NativeLibraryLocator.Find("eng_torch_emulated"));
        return ((delegate* unmanaged[Cdecl]<int>)NativeLibrary.GetExport(library, "eng_torch_emulated_device"))();
    }
}
