using System.Diagnostics;
using Engine.Client.Interop;

namespace Engine.Client;

/// <summary>Waits for a counter in shared memory to move, and tells the other side that one has.</summary>
internal static unsafe class RingWait
{
    private static readonly TimeSpan s_nap = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Spins for a while, then sleeps once for at most 0.1 s, until the counter is not the expected number; gives the counter.
    /// The caller calls again after looking whether there is still a reason to wait.
    /// </summary>
    internal static uint While(uint* counter, uint expected, uint* sleeps, long spinTicks)
    {
        uint now = Volatile.Read(ref *counter);
        if (now != expected) return now;
        if (spinTicks > 0)
        {
            long end = Stopwatch.GetTimestamp() + spinTicks;
            do
            {
                Thread.SpinWait(1);
                now = Volatile.Read(ref *counter);
                if (now != expected) return now;
            }
            while (Stopwatch.GetTimestamp() < end);
        }

        Volatile.Write(ref *sleeps, 1);
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref *counter) == expected) Futex.WaitWhile(counter, expected, s_nap);
        Volatile.Write(ref *sleeps, 0);
        return Volatile.Read(ref *counter);
    }

    /// <summary>Publishes a counter's new number and wakes the other side if it sleeps.</summary>
    internal static void Publish(uint* counter, uint number, uint* sleeps)
    {
        Volatile.Write(ref *counter, number);
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref *sleeps) != 0) Futex.WakeAll(counter);
    }
}
