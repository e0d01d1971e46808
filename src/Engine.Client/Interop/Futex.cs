using System.Runtime.InteropServices;

namespace Engine.Client.Interop;

/// <summary>Sleeping and waking on a number in memory that two processes share (futex of Linux, not private).</summary>
internal static unsafe partial class Futex
{
    private const int Wait = 0, Wake = 1;
    private static readonly nint s_call = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 202 : 98;

    /// <summary>Sleeps while the number is the expected one, until woken or the time is over. May return early.</summary>
    internal static void WaitWhile(uint* number, uint expected, TimeSpan most)
    {
        TimeSpec time = new() { Seconds = (long)most.TotalSeconds, Nanoseconds = most.Ticks % TimeSpan.TicksPerSecond * 100 };
        _ = syscall(s_call, number, Wait, (nint)expected, &time, null, 0);
    }

    /// <summary>Wakes whoever sleeps on the number.</summary>
    internal static void WakeAll(uint* number) => _ = syscall(s_call, number, Wake, int.MaxValue, null, null, 0);

    [LibraryImport("libc")]
    private static partial nint syscall(nint call, uint* number, nint operation, nint value, TimeSpec* time, uint* second, nint third);

    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
