using System.Runtime.InteropServices;

namespace Engine.Host.Serving.Interop;

/// <summary>How willingly a thread gives way to others (Linux: each thread has its own nice value).</summary>
internal static partial class ThreadNiceness
{
    private const int Process = 0, Own = 0;

    /// <summary>Makes the calling thread give way: one that wakes with little to do runs at once. For good: going back takes a privilege. Where it cannot be done nothing changes.</summary>
    internal static void GiveWay(int nice)
    {
        if (OperatingSystem.IsLinux()) _ = setpriority(Process, Own, nice);
    }

    [LibraryImport("libc")]
    private static partial int setpriority(int which, uint who, int nice);
}
