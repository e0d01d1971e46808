using System.Runtime.CompilerServices;
using Engine.Host.Realtime.Interop;

namespace Engine.Host.Realtime;

/// <summary>
/// A control tick inside this process, which makes its ring. For robots use <see cref="TickProcess"/>, which outlives this program; this is for
/// programs of one's own and for tests, which give the time themselves.
/// </summary>
public sealed class ControlTick : IDisposable
{
    private readonly TickHandle _tick;

    /// <summary>Makes a ring, a file of mode 0600; a dead tick's is replaced.</summary>
    /// <exception cref="RealtimeException">The settings contradict each other, a living tick has that ring, or the file cannot be made.</exception>
    public ControlTick(string path, TickSettings settings)
    {
        RealtimeNative.Ensure();
        var config = settings.ToNative();
        RealtimeNative.Check(RealtimeNative.Create(path, config, (ulong)Unsafe.SizeOf<RealtimeNative.Config>(), out _tick));
    }

    /// <summary>One tick at a time of the caller's (ns), later than the one before.</summary>
    /// <exception cref="RealtimeException">Time does not grow, or <see cref="Start"/> ticks already.</exception>
    public void Step(long nowNanoseconds) => RealtimeNative.Check(RealtimeNative.Step(_tick, nowNanoseconds));

    /// <summary>Ticks on a native thread, under SCHED_FIFO where that is permitted.</summary>
    /// <param name="priority">1 to 99; 0 for the ordinary scheduler.</param>
    public void Start(int priority = 40) => RealtimeNative.Check(RealtimeNative.Start(_tick, priority, lockMemory: 0));

    /// <summary>Ramps to the safe stop, and ends the thread.</summary>
    public void Finish() => RealtimeNative.Check(RealtimeNative.Finish(_tick));

    /// <summary>Finishes where it still ticks, and removes the ring.</summary>
    public void Dispose() => _tick.Dispose();
}
