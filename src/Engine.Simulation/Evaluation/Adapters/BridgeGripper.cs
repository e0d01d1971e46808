namespace Engine.Simulation.Evaluation.Adapters;

/// <summary>The WidowX gripper: more than 0.5 opens (1), everything else closes (−1). It has no state.</summary>
public sealed class BridgeGripper : IGripperRule
{
    public void Reset()
    {
    }

    public double Step(double gripper) => gripper > 0.5 ? 1 : -1;
}
