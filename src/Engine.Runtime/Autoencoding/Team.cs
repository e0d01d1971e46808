using Engine.Kernels.Threading;

namespace Engine.Runtime.Autoencoding;

/// <summary>One of several threads that make an image together.</summary>
/// <param name="Part">Its number.</param>
/// <param name="Parts">How many there are.</param>
/// <param name="Barrier">Where they wait for each other.</param>
internal readonly record struct Team(int Part, int Parts, TeamBarrier Barrier)
{
    /// <summary>This thread's rows, whole groups of them.</summary>
    public (int First, int Last) Rows(int rows, int group)
    {
        int groups = (rows + group - 1) / group;
        return (Math.Min(rows, groups * Part / Parts * group), Math.Min(rows, groups * (Part + 1) / Parts * group));
    }

    public void Wait() => Barrier.SignalAndWait(Parts);
}
