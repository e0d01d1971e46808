namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>
/// The Google robot's gripper. Its command is relative, so a wish to open or close is held for a number of control steps: with
/// <c>rel = −(2g − 1)</c>, |rel| &gt; 0.5 starts holding rel; while holding, rel is sent whatever the policy says.
/// </summary>
public sealed class StickyGripper : IGripperRule
{
    private readonly int _steps;
    private double _held;

    /// <summary>A gripper that holds for <paramref name="steps"/> control steps (15 in INT-ACT's Fractal tasks, 10 in others).</summary>
    public StickyGripper(int steps = 15)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        _steps = steps;
    }

    /// <summary>A command is being held.</summary>
    public bool IsOn { get; private set; }

    /// <summary>Steps for which it has been held.</summary>
    public int Repeated { get; private set; }

    public void Reset()
    {
        IsOn = false;
        Repeated = 0;
        _held = 0;
    }

    /// <summary>Takes over the state of another gripper.</summary>
    public void CopyFrom(StickyGripper other) => (IsOn, Repeated, _held) = (other.IsOn, other.Repeated, other._held);

    public double Step(double gripper)
    {
        double relative = -(gripper * 2 - 1);
        if (Math.Abs(relative) > 0.5 && !IsOn)
        {
            IsOn = true;
            _held = relative;
        }

        if (IsOn)
        {
            Repeated++;
            relative = _held;
        }

        if (Repeated == _steps) Reset();
        return relative;
    }
}
