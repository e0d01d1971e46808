using System.Runtime.InteropServices;
using Engine.Simulation.Interop;

namespace Engine.Simulation.MuJoCo;

/// <summary>The native simulator library as a whole: version handshake, living handles, messages.</summary>
public static unsafe class MujocoLibrary
{
    private static readonly Lazy<int> LibraryVersion = new(Handshake);

    /// <summary>MuJoCo's version as it counts them: 222 is 2.2.2.</summary>
    /// <exception cref="DllNotFoundException">libeng_mujoco.so or MuJoCo is absent.</exception>
    /// <exception cref="MujocoException">The library was built for another version of this program or of MuJoCo.</exception>
    public static int Version => LibraryVersion.Value;

    /// <summary>Native objects that are alive in the process: compiled models, simulation states, renderers.</summary>
    public static (long Models, long Data, long Renderers) LiveHandles()
    {
        Ensure();
        Check(MujocoNative.LiveHandles(out long models, out long data, out long renderers));
        return (models, data, renderers);
    }

    internal static void Ensure() => _ = LibraryVersion.Value;

    internal static void Check(int status)
    {
        if (status != 0) Throw(status);
    }

    private static void Throw(int status)
    {
        byte* text = stackalloc byte[1024];
        string message = MujocoNative.LastError(text, 1024) == 0 ? Marshal.PtrToStringUTF8((nint)text) ?? "" : "";
        throw new MujocoException((MujocoStatus)status, message);
    }

    private static int Handshake()
    {
        Check(MujocoNative.GetAbiVersion(out int abi, out int header, out int library));
        if (abi != MujocoNative.AbiVersion)
        {
            throw new MujocoException(
                MujocoStatus.Version,
                $"libeng_mujoco.so has ABI version {abi}, this program needs {MujocoNative.AbiVersion}: rebuild it (./engine doctor).");
        }

        if (header != library)
        {
            throw new MujocoException(
                MujocoStatus.Version,
                $"libeng_mujoco.so was compiled for MuJoCo {header} but {library} is installed: rebuild it (./engine doctor).");
        }

        return library;
    }
}
