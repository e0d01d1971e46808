using Engine.Host.Serving.Interop;

namespace Engine.Host.Serving;

/// <summary>
/// A thread for a policy that computes long. It gives way, so that those who have little to do (receive, answer, greet) need not wait until the scheduler
/// takes the processor from it; where nobody wants it, it has it whole. Ends after a while without work, and comes back.
/// </summary>
internal sealed class PolicyThread(Action work)
{
    private const int Nice = 5;
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _asked = new(0);
    private bool _runs;

    /// <summary>Has the work done once.</summary>
    internal void Wake()
    {
        lock (_gate)
        {
            _asked.Release();
            if (_runs) return;
            _runs = true;
        }

        new Thread(Run) { IsBackground = true, Name = "policy" }.Start();
    }

    private void Run()
    {
        ThreadNiceness.GiveWay(Nice);
        while (IsAsked()) work();
    }

    private bool IsAsked()
    {
        if (_asked.Wait(s_idle)) return true;
        lock (_gate)
        {
            return _runs = _asked.Wait(0);
        }
    }
}
