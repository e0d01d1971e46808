using System.Runtime.InteropServices;

namespace Engine.Host.Serving.Interop;

/// <summary>How willingly a thread gives way to others (Linux: each thread has its own nice value and slice).</summary>
internal static partial class ThreadNiceness
{
    private const int Own = 0;
    private const ulong LongestSlice = 100_000_000;

    /// <summary>
    /// Makes the calling thread give way: one that wakes with little to do runs at once. For good: going back takes a privilege. Where it cannot be done nothing changes.
    /// </summary>
    internal static void GiveWay(int nice)
    {
        if (!OperatingSystem.IsLinux()) return;
        _ = setpriority(0, Own, nice);

        // A nice thread too is left its slice, and looked at again with the timer's interrupt only (every 4 ms at 250 Hz): so long waits who wakes behind it. One
        // whose own slice is shorter need not (EEVDF since Linux 6.12; older kernels ignore the number).
        var attributes = new Attributes { Size = (uint)Marshal.SizeOf<Attributes>(), Nice = nice, Runtime = LongestSlice };
        nint call = RuntimeInformation.ProcessArchitecture switch { Architecture.X64 => 314, Architecture.Arm64 => 274, _ => 0 };
        if (call != 0) _ = syscall(call, Own, in attributes, 0);
    }

    [LibraryImport("libc")]
    private static partial int setpriority(int which, uint who, int nice);

    [LibraryImport("libc")]
    private static partial nint syscall(nint call, nint thread, in Attributes attributes, nint flags);

    /// <summary>The kernel's sched_attr, in its first version.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Attributes
    {
        public uint Size;
        public uint Policy;
        public ulong Flags;
        public int Nice;
        public uint Priority;
        public ulong Runtime, Deadline, Period;
    }
}
