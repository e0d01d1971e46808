namespace Engine.Kernels.Threading;

/// <summary>
/// Makes the threads of one job wait for each other. Spins for some microseconds, then gives the processor away between looks,
/// so that it stays usable when there are more threads than processors.
/// </summary>
public sealed class TeamBarrier
{
    private const int SpinLimit = 4000;

    private int _waiting, _generation;
    private volatile bool _broken;

    /// <summary>Returns when <paramref name="count"/> threads have called it. With a count of 1 it returns at once.</summary>
    /// <exception cref="OperationCanceledException">A thread of the team failed and will not come.</exception>
    public void SignalAndWait(int count)
    {
        if (count <= 1) return;
        int generation = Volatile.Read(ref _generation);
        if (Interlocked.Increment(ref _waiting) == count)
        {
            _waiting = 0;
            Interlocked.Increment(ref _generation);
            return;
        }

        for (int spins = 0; Volatile.Read(ref _generation) == generation; spins++)
        {
            if (_broken) throw new OperationCanceledException("Another thread of the team failed.");
            if (spins < SpinLimit) Thread.SpinWait(4);
            else Thread.Yield();
        }
    }

    /// <summary>Lets all who wait, now or later, fail instead of waiting for ever.</summary>
    public void Break() => _broken = true;

    /// <summary>Makes the barrier usable again; nobody may be waiting.</summary>
    public void Reset()
    {
        _waiting = 0;
        _broken = false;
    }
}
